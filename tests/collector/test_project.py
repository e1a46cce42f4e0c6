"""The project file: a mistake points at its key; nothing anybody writes there ends in a 500."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import wsgi
from collector.project import Section, breaks_of, parse_project
from collector.project_document import MOST_BYTES, load_document, load_file
from foundation.database import Database
from foundation.errors import DomainError, InvalidBody, TooLarge
from tests.collector.intake.test_context import JSON
from tests.signals import Held, Phone, project_body, rows_of

CONFIG = '<View><Text name="t" value="$text"/><Choices name="s" toName="t"><Choice value="a"/></Choices></View>'
FULL = project_body(
    labeling={
        "config": CONFIG,
        "guidelines": {"version": "1", "text": "…"},
        "overlap": 3,
        "max_overlap": 5,
        "choose": {"random": 0.5, "quota": 0.3, "uncertain": 0.2, "backlog": 500},
        "honeypots": {"share": 0.05, "max_exposures": 1},
        "onboarding": {"tasks": 10, "pass": 0.8},
    },
    questions={"s": {"level": "nominal", "consensus": "majority"}},
    expectations=[{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "text"}}],
    export={
        "targets": ["s"],
        "labels": {"min_annotations": 2, "min_confidence": 0, "unresolved": "drop"},
        "split": {"train": 0.8, "validation": 0.1, "test": 0.1},
        "weights": "none",
        "gates": {"s": {"alpha": 0.6, "bound": "lower"}, "expectations": "pass"},
        "formats": ["parquet"],
    },
    retention={"signals_days": 365, "versions_days": 730, "dead_letters_days": 30},
)
SECTIONS = wsgi.sections()


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, the inner ones included."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*at, key)
        yield from places(part, (*at, key))


PLACES = list(places(FULL))


class TestManyMistakes:
    """A file of nothing but mistakes, each of which a list of thousands could be told for."""

    def test_the_answer_is_bounded(self) -> None:
        values = [f"value number {n} of a long list" for n in range(2_000)]
        fields = {"store": {"kind": "category", "values": values}} | {
            f"Bad {n}": {"kind": "nothing", **{f"k{m}": 1 for m in range(20)}} for n in range(150)
        }
        population = {"part_of_day": {f"hour {n}": 0.1 for n in range(2_000)}, "color": {"red": 1}}

        refused = refusal_of(lambda: parse_project(project_body(fields=fields, population=population), SECTIONS))

        assert refused is not None
        assert len(refused.faults) == 200
        assert refused.faults.more > 1_000
        assert sum(len(fault.detail) for fault in refused.faults) < 100_000


def refusal_of(act: Callable[[], object]) -> DomainError | None:
    """The expected failure an act ends in; whatever else it raises fails the test."""
    try:
        act()
    except DomainError as error:
        return error
    return None


def faults_of(body: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidBody) as caught:
        parse_project(body, SECTIONS)
    return [(fault.pointer, fault.reason) for fault in caught.value.faults]


class TestParsing:
    def test_a_full_file_has_no_mistake(self) -> None:
        assert parse_project(copy.deepcopy(FULL), SECTIONS).file.name == "slang"

    @pytest.mark.slow
    @pytest.mark.parametrize("place", PLACES, ids=lambda place: "/".join(map(str, place)))
    @given(value=JSON)
    def test_whatever_stands_at_a_place_is_taken_or_pointed_at(self, place: tuple[Any, ...], value: Any) -> None:
        body = copy.deepcopy(FULL)
        target: Any = body
        for key in place[:-1]:
            target = target[key]
        target[place[-1]] = value

        refused = refusal_of(lambda: parse_project(body, SECTIONS))

        assert refused is None or refused.faults
        assert all(fault.pointer.startswith("/") for fault in refused.faults) if refused else True

    @given(JSON)
    def test_no_document_raises_anything_else(self, value: Any) -> None:
        refusal_of(lambda: parse_project(load_document(yaml.safe_dump(value, allow_unicode=True).encode()), SECTIONS))

    @given(st.binary())
    def test_no_bytes_raise_anything_else(self, raw: bytes) -> None:
        refusal_of(lambda: load_document(raw))

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"project": "Slang"}, ("/project", "wrong_value")),
            ({"project": "a"}, ("/project", "wrong_value")),
            ({"project": "a" * 64}, ("/project", "wrong_value")),
            ({"project": None}, ("/project", "missing_field")),
            ({"fields": {}}, ("/fields", "wrong_type")),
            ({"fields": {"text": {"kind": "txt"}}}, ("/fields/text/kind", "not_in_list")),
            ({"fields": {"photo": {"kind": "image"}}}, ("/fields/photo/kind", "not_in_list")),
            ({"fields": {"text": {"kind": "text", "max_char": 5}}}, ("/fields/text/max_char", "unknown_field")),
            ({"fields": {"Text": {"kind": "text"}}}, ("/fields/Text", "wrong_value")),
            ({"fields": {"text": {"kind": "text", "max_chars": 0}}}, ("/fields/text/max_chars", "out_of_range")),
            ({"fields": {"text": {"kind": "category"}}}, ("/fields/text/values", "wrong_type")),
            ({"identity": ["no"]}, ("/identity", "not_in_list")),
            ({"context": {"keep": ["imei"]}}, ("/context/keep/0", "not_in_list")),
            ({"privacy": {"consent": "maybe"}}, ("/privacy/consent", "not_in_list")),
            ({"privacy": {"accept_notices": [1]}}, ("/privacy/accept_notices", "wrong_type")),
            ({"retention": {"dead_letters_days": 0}}, ("/retention/dead_letters_days", "out_of_range")),
            ({"fileds": {}}, ("/fileds", "unknown_field")),
            *(({"privacy": {"location_km": km}}, ("/privacy/location_km", "out_of_range")) for km in (0, -5, 1e9)),
            ({"privacy": {"notices": {"1": 5}}}, ("/privacy/notices/1", "wrong_type")),
            (
                {"privacy": {"notices": {"1": {"en": "x"}}, "accept_notices": ["2"]}},
                ("/privacy/accept_notices/0", "not_in_list"),
            ),
            ({"privacy": {"notices": {"v/1": {"en": "x"}}}}, ("/privacy/accept_notices", "wrong_type")),
            ({"privacy": {"purposes": ["für später!"]}}, ("/privacy/purposes", "wrong_type")),
            ({"privacy": {"permissions": {"camera": 5}}}, ("/privacy/permissions/camera", "wrong_type")),
            ({"retention": {"signals_days": "x"}}, ("/retention/signals_days", "out_of_range")),
            ({"retention": {"versions_days": -1}}, ("/retention/versions_days", "out_of_range")),
            ({"context": {"attributes": ["locale"]}}, ("/context/attributes/0", "wrong_value")),
            *(({key: 5}, (f"/{key}", "wrong_type")) for key in ("population", "statistics", "alerts", "events")),
            ({"population": {"foo": "bar"}}, ("/population/foo", "wrong_type")),
            ({"population": {"foo": {"bar": 1}}}, ("/population/foo", "unknown_field")),
            ({"population": {"price": {"1": 1}}}, ("/population/price", "unknown_field")),
            ({"population": {"os_name": {}}}, ("/population/os_name", "wrong_type")),
            ({"population": {"os_name": {"ios": 0.3, "android": 0.4}}}, ("/population/os_name", "out_of_range")),
            ({"population": {"os_name": {"ios": 1.3}}}, ("/population/os_name/ios", "out_of_range")),
            ({"population": {"os_name": {"ios": "1"}}}, ("/population/os_name/ios", "wrong_type")),
            ({"population": {"weekday": {"sonntag": 1}}}, ("/population/weekday/sonntag", "unknown_field")),
            ({"expectations": [{"type": "expect_x"}]}, ("/expectations/0/type", "not_in_list")),
            *(
                (
                    {"expectations": [{"type": "expect_column_to_exist", "kwargs": kwargs}]},
                    (f"/expectations/0/kwargs{at}", "not_in_list"),
                )
                for kwargs, at in (
                    ({"column": "txt"}, "/column"),
                    ({"column_A": "text", "column_B": "txt"}, "/column_B"),
                    ({"column_list": ["text", "txt"]}, "/column_list/1"),
                )
            ),
        ],
    )
    def test_a_mistake_points_at_its_key(self, change: dict[str, Any], fault: tuple[str, str]) -> None:
        assert fault in faults_of({**FULL, **change})

    @pytest.mark.parametrize(
        "shares",
        [
            {"os_name": {"ios": 0.3, "android": 0.7}, "age_band": {"18-29": 0.25, "30+": 0.75}},
            {"weekday": {"sunday": 0.333, "monday": 0.333, "friday": 0.333}},
            {"network_quality": {"4g": 1}},
        ],
    )
    def test_a_population_is_of_context_columns_and_its_shares_may_be_rounded(self, shares: dict[str, Any]) -> None:
        checked = parse_project({**FULL, "population": shares}, SECTIONS)

        assert "/population" in checked.instead

    @pytest.mark.parametrize("column", ["signal", "event_time", "text", "price", "os_name", "age_band"])
    def test_an_expectation_may_name_each_column_of_the_signals_table(self, column: str) -> None:
        rule = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column}}

        parse_project({**FULL, "expectations": [rule]}, SECTIONS)

    @pytest.mark.parametrize(
        ("change", "suggestion"),
        [
            ({"feilds": {}}, "did you mean fields?"),
            ({"fields": {"text": {"kind": "text", "max_char": 5}}}, "did you mean max_chars?"),
            ({"identity": ["txt"]}, "did you mean text?"),
            ({"context": {"keep": ["osname"]}}, "did you mean os_name?"),
            ({"population": {"os_nam": {"ios": 1}}}, "did you mean os_name?"),
            ({"questions": {"S": {}}}, "did you mean s?"),
            ({"export": {"targets": ["S"]}}, "did you mean s?"),
            ({"export": {"gates": {"expectation": "pass"}}}, "did you mean expectations?"),
            ({"expectations": [{"type": "expect_column_to_exists"}]}, "did you mean expect_column_to_exist?"),
            (
                {"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "txet"}}]},
                "did you mean text?",
            ),
            ({"labeling": {"config": CONFIG.replace("$text", "$txt")}}, "did you mean $text?"),
        ],
    )
    def test_a_name_that_is_near_is_suggested(self, change: dict[str, Any], suggestion: str) -> None:
        with pytest.raises(InvalidBody) as caught:
            parse_project({**FULL, **change}, SECTIONS)

        assert any(suggestion in fault.detail for fault in caught.value.faults)

    def test_a_target_that_is_no_question_is_told_which_are(self) -> None:
        with pytest.raises(InvalidBody) as caught:
            parse_project({**FULL, "export": {"targets": ["mood"]}}, SECTIONS)

        assert [fault.detail for fault in caught.value.faults] == ["must be a measured question: s"]

    @pytest.mark.parametrize(
        "text",
        ["notices: {1: x}", "a: &a [*a]", "a: !!python/object/apply:os.system [ls]", "a: !!binary aGk=", "a: !!set {b}",
         "- a", "a: 2026-01-01", "a: .nan", "\x00", "a: 123456789012345678901234567890", "? [a]\n: b", ""],
    )  # fmt: skip
    def test_yaml_that_is_no_json_is_refused_or_read(self, text: str) -> None:
        refused = refusal_of(lambda: load_document(text.encode()))

        assert refused is None or refused.detail

    @pytest.mark.parametrize(
        ("text", "pointer"),
        [
            ("privacy: {notices: {1: {en: x}}}", "/privacy/notices/1"),
            ("fields: {yes: {kind: text}}", "/fields/True"),
            ("fields: {p: {kind: number, minimum: .inf}}", "/fields/p/minimum"),
            ("fields: {p: {kind: category, values: [a, !!binary aGk=]}}", "/fields/p/values/1"),
            ('title: "\\ud800"', "/title"),
        ],
    )
    def test_what_json_cannot_say_is_pointed_at(self, text: str, pointer: str) -> None:
        refused = refusal_of(lambda: load_document(text.encode()))

        assert [fault.pointer for fault in refused.faults] == [pointer]

    def test_a_key_that_stands_twice_is_refused_with_its_line(self) -> None:
        refused = refusal_of(lambda: load_document(b"fields: {}\ncontext: {keep: []}\nfields: {a: 1}\n"))

        assert "line 3" in refused.detail

    @pytest.mark.parametrize(
        ("text", "line", "column", "told"),
        [
            ('{"project": "a",\n "fields": {"text": 1]}', 2, 22, "not JSON"),
            ('{"project": "a"', 1, 16, "not JSON"),
            ('[{"a": 1}\n', 2, 1, "not JSON"),
            ("project: a\nfields:\n\ttext: {}", 3, 1, "not YAML"),
            ("project: a: b", 1, 11, "not YAML"),
            ("fields: {}\nfields: {}", 2, 1, "a key stands twice"),
            ("a: &x 1\nb: *x", 2, 4, "aliases are not read"),
            ("a: 1\nb: !!python/name:os.system x", 2, 4, "not YAML"),
            ("a: 1\nb: 2026-02-31", 2, 4, "put it in quotes"),
            (f"a: 1\nb: {'9' * 5000}", 2, 4, "put it in quotes"),
            ("project: caf\x07", 1, 13, "a character that YAML does not take"),
            ("ä: {b: c", 1, 9, "not YAML"),
        ],
    )
    def test_what_cannot_be_read_is_told_with_line_and_column(
        self, text: str, line: int, column: int, told: str
    ) -> None:
        refused = refusal_of(lambda: load_document(text.encode()))

        assert f"at line {line}, column {column}: " in refused.detail
        assert told in refused.detail
        assert (refused.facts["line"], refused.facts["column"]) == (line, column)

    def test_what_is_no_utf_8_is_told_with_line_and_column(self) -> None:
        refused = refusal_of(lambda: load_document("a: é\nb: ".encode() + b"\xff"))

        assert (refused.facts["reason"], refused.facts["line"], refused.facts["column"]) == ("not_utf8", 2, 4)

    @pytest.mark.slow
    @pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000])
    def test_a_file_that_nests_without_end_is_refused(self, text: str) -> None:
        assert refusal_of(lambda: load_document(text.encode())) is not None

    @pytest.mark.parametrize(
        "text",
        ['{"a":' * 33 + "1" + "}" * 33, "[" * 300 + "]" * 300, '{"title": ' + "[" * 900 + "]" * 900 + "}"],
    )
    def test_one_that_nests_deeper_than_any_is_refused(self, text: str) -> None:
        refused = refusal_of(lambda: load_document(text.encode()))

        assert refused is not None
        assert "deep" in refused.detail or "must be a mapping" in refused.detail

    def test_one_of_two_megabytes_is_refused_by_its_size_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        text = "{" + ", ".join(f'"key{n}": 1' for n in range(150_000)) + "}"
        monkeypatch.setattr("collector.project_document._read_document", lambda _: pytest.fail("it was looked at"))

        refused = refusal_of(lambda: load_document(text.encode()))

        assert isinstance(refused, TooLarge)
        assert refused.facts["limit_bytes"] == MOST_BYTES == 256_000

    def test_one_as_large_as_may_be_is_looked_at(self) -> None:
        text = "title: " + "x" * (MOST_BYTES - 7)

        assert len(load_document(text.encode())["title"]) == MOST_BYTES - 7

    def test_of_a_file_without_end_no_more_is_read_than_may_be(self) -> None:
        assert isinstance(refusal_of(lambda: load_file(Path("/dev/zero"))), TooLarge)

    def test_json_may_be_indented_by_tabs(self) -> None:
        assert load_document(b'{\n\t"project": "tabs",\n\t"fields": {}\n}') == {"project": "tabs", "fields": {}}

    def test_a_document_that_would_unfold_without_bound_is_refused(self) -> None:
        lines = ["a0: &a0 [lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

        refused = refusal_of(lambda: load_document("\n".join(lines).encode()))

        assert "line 2" in refused.detail


class TestBreaks:
    @pytest.mark.parametrize(
        ("fields", "broken"),
        [
            ({"text": {"kind": "text"}, "b": {"kind": "number"}}, []),
            ({"text": {"kind": "text"}}, ["field b was removed"]),
            ({"text": {"kind": "text", "required": True}, "b": {"kind": "number"}}, ["field text became required"]),
            ({"text": {"kind": "text"}, "b": {"kind": "integer"}}, ["field b changed its kind from number to integer"]),
        ],
    )
    def test_what_apps_relied_on_is_named(self, fields: dict[str, Any], broken: list[str]) -> None:
        old = parse_project(project_body(fields={"text": {"kind": "text"}, "b": {"kind": "number"}}), ()).file

        assert breaks_of(old, parse_project(project_body(fields=fields), ()).file) == broken

    @pytest.mark.parametrize(
        ("change", "broken"),
        [
            ({"context": {"keep": ["locale"]}}, ["context os_name is no longer kept"]),
            ({"fields_unknown": "reject"}, ["fields that are not declared are no longer dropped but refused"]),
            ({"privacy": {"purposes": ["training", "ads"]}}, ["consent is asked for that was not asked for before"]),
            ({"fields": {"a": {"kind": "number", "minimum": 1}}}, ["field a takes a narrower range"]),
            ({"fields": {"a": {"kind": "number", "minimum": -1}}}, []),
        ],
    )
    def test_what_is_asked_for_more_or_kept_less_is_named(self, change: dict[str, Any], broken: list[str]) -> None:
        old = {
            "fields": {"a": {"kind": "number", "minimum": 0}},
            "fields_unknown": "drop",
            "identity": ["a"],
            "context": {"keep": ["locale", "os_name"]},
            "privacy": {"purposes": ["training"]},
        }
        before, after = (parse_project(project_body(**body), ()).file for body in (old, {**old, **change}))

        assert breaks_of(before, after) == broken


class TestSections:
    def test_what_is_wrong_is_told_in_whichever_order_the_sections_are_read(self) -> None:
        body = FULL | {"labeling": {"config": "<View/>", "overlap": 0}, "export": {"targets": ["nothing"]}}

        def told(sections: Sequence[Section]) -> set[str]:
            with pytest.raises(InvalidBody) as caught:
                parse_project(body, sections)
            return {fault.pointer for fault in caught.value.faults}

        assert told(SECTIONS) == told(SECTIONS[::-1])
        assert {"/labeling/overlap", "/labeling/config", "/export/targets/0"} <= told(SECTIONS)


class TestInstead:
    """What is not in effect is said where it was sent, with what is done instead."""

    BODY = FULL | {
        "privacy": {"notices": {"1": {"en": "We use it"}}, "permissions": {"camera": {"en": "For photos"}}},
        "population": {"os_name": {"ios": 1}},
        "statistics": {"columns": ["os_name"]},
        "alerts": {"cooldown_h": 24},
        "events": {"webhook": "https://example.org"},
        "questions": {"s": {"consensus": "dawid-skene"}},
        "export": {"weights": "population", "gates": {"k": 5}},
    }

    def test_every_setting_that_does_nothing_yet_is_named(self) -> None:
        assert list(parse_project(copy.deepcopy(self.BODY), SECTIONS).instead) == [
            "/privacy/notices",
            "/privacy/permissions",
            "/retention/signals_days",
            "/retention/versions_days",
            "/population",
            "/statistics",
            "/alerts",
            "/events",
            "/labeling/max_overlap",
            "/labeling/choose/quota",
            "/labeling/choose/uncertain",
            "/labeling/honeypots",
            "/labeling/onboarding",
            "/questions/s/consensus",
            "/export/weights",
            "/export/gates/k",
        ]

    def test_a_file_that_sets_none_names_none(self) -> None:
        assert parse_project(project_body(privacy={"consent": "none"}), SECTIONS).instead == {}

    def test_the_answer_says_what_is_done_instead(self, phone: Phone) -> None:
        body = {**self.BODY, "project": phone.held.name}

        answer = phone.as_role("manage").call("PUT", "", json=body).json

        assert answer["not_in_effect"] == list(answer["instead"])
        assert answer["instead"]["/questions/s/consensus"] == "the majority of an item's answers is taken"
        assert all(answer["instead"].values())


class TestPutProject:
    def test_new_changed_and_same(self, phone: Phone, database: Database) -> None:
        admin = phone.as_role("admin")
        fresh = {**phone.held.keys}
        url, headers = "/v1/projects/fresh", {"Authorization": f"Bearer {fresh['admin']}"}

        made = phone.client.put(url, json=project_body("fresh"), headers=headers)
        same = phone.client.put(url, json=project_body("fresh"), headers=headers)
        changed = phone.client.put(url, json=project_body("fresh", title="new"), headers=headers)

        assert [(answer.status_code, answer.json["revision"]) for answer in (made, same, changed)] == [(201, 1), (200, 1), (200, 2)]  # fmt: skip
        assert admin.call("GET", "").json["revision"] == 1

    def test_yaml_is_the_same(self, phone: Phone) -> None:
        text = yaml.safe_dump(project_body())

        answer = phone.as_role("manage").call("PUT", "", data=text, content_type="application/yaml")

        assert (answer.status_code, answer.json["revision"]) == (200, 1)

    def test_one_that_is_too_large_is_refused_before_it_is_read(self, phone: Phone) -> None:
        text = project_body(title="x" * MOST_BYTES)

        answer = phone.as_role("manage").call("PUT", "", json=text)

        assert (answer.status_code, answer.json["limit_bytes"]) == (413, MOST_BYTES)
        assert str(MOST_BYTES) in answer.json["detail"]

    def test_a_change_made_meanwhile_is_not_overwritten(self, phone: Phone) -> None:
        manager = phone.as_role("manage")
        tag = manager.call("GET", "").headers["ETag"]
        manager.call("PUT", "", json=project_body(title="theirs"))

        mine = manager.call("PUT", "", json=project_body(title="mine"), headers={"If-Match": tag})

        assert mine.status_code == 412
        assert manager.call("GET", "").json["file"]["title"] == "theirs"

    def test_any_revision_is_none_where_there_is_no_project(self, phone: Phone) -> None:
        headers = {"Authorization": f"Bearer {phone.held.keys['admin']}", "If-Match": "*"}

        statuses = [
            phone.client.put(f"/v1/projects/{name}", json=project_body(name), headers=headers).status_code
            for name in ("fresh", phone.held.name)
        ]

        assert statuses == [412, 200]

    def test_a_tag_that_a_proxy_weakened_is_the_same(self, phone: Phone) -> None:
        put = [
            phone.as_role("manage").call("PUT", "", json=project_body(), headers={"If-Match": tag}).status_code
            for tag in ('W/"1"', 'W/"2"')
        ]

        assert put == [200, 412]

    def test_a_mistake_changes_nothing(self, phone: Phone, database: Database) -> None:
        before = rows_of(database)

        answer = phone.as_role("manage").call("PUT", "", json=project_body(fields={"x": {"kind": "?"}}))

        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "/fields/x/kind"
        assert rows_of(database) == before

    def test_the_file_of_another_project_is_refused(self, phone: Phone, project: Held) -> None:
        answer = phone.as_role("manage").call("PUT", "", json=project_body("other"))

        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/project")
