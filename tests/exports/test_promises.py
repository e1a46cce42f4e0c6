"""What a version promises: an override may only raise it, a revision that lowers it is told of by all versions after it."""

from __future__ import annotations

from typing import Any

import pytest

from exports.project import ExportSection, parse_export
from exports.promises import Lowered, lowered_since, promises_lowered, settings_changed
from tests.exports.rigs import Rig, project_file

pytestmark = pytest.mark.slow

GATES = {
    "mood": {"alpha": 0.6, "bound": "lower"},
    "expectations": "pass",
    "audit_error_upper": 0.05,
    "population_tvd": 0.2,
    "k": 5,
    "min_rows": 2,
}
LABELS = {"min_annotations": 2, "min_confidence": 0.5}
LOWERINGS = [
    ({"gates": {"mood": None}}, "/export/gates/mood"),
    ({"gates": None}, "/export/gates/mood"),
    ({"gates": {"mood": {"alpha": 0.59}}}, "/export/gates/mood/alpha"),
    ({"gates": {"mood": {"alpha": 0.9, "bound": "point"}}}, "/export/gates/mood/bound"),
    ({"gates": {"mood": {"bound": None}}}, "/export/gates/mood/bound"),
    ({"gates": {"expectations": None}}, "/export/gates/expectations"),
    ({"gates": {"audit_error_upper": 0.06}}, "/export/gates/audit_error_upper"),
    ({"gates": {"audit_error_upper": None}}, "/export/gates/audit_error_upper"),
    ({"gates": {"population_tvd": 0.3}}, "/export/gates/population_tvd"),
    ({"gates": {"k": 4}}, "/export/gates/k"),
    ({"gates": {"min_rows": 1}}, "/export/gates/min_rows"),
    ({"gates": {"min_rows": None}}, "/export/gates/min_rows"),
    ({"split": {"train": 1, "validation": 0, "test": 0}}, "/export/split/validation"),
    ({"labels": {"min_annotations": 1}}, "/export/labels/min_annotations"),
    ({"labels": None}, "/export/labels/min_annotations"),
    ({"labels": {"min_confidence": 0.4}}, "/export/labels/min_confidence"),
]
CHOICES = [
    {},
    {"gates": {"mood": {"alpha": 0.7}}},
    {"gates": {"audit_error_upper": 0.01, "population_tvd": 0.1, "k": 10, "min_rows": 5}},
    {"labels": {"min_annotations": 3, "min_confidence": 0.9, "unresolved": "keep"}},
    {"split": {"train": 0.5, "validation": 0.25, "test": 0.25}},
    {"weights": "none"},
]


def section(**changes: Any) -> ExportSection:
    parsed, faults = parse_export(changes, ["mood", "tone"])
    assert faults == []
    return parsed


def strict_file(**gates: Any) -> dict[str, Any]:
    body = project_file()
    return body | {"export": body["export"] | {"gates": GATES | gates, "labels": LABELS}}


class TestOverrides:
    @pytest.mark.parametrize(("override", "pointer"), LOWERINGS)
    def test_one_that_lowers_a_promise_is_refused_at_its_place(
        self, small_rig: Rig, override: dict[str, Any], pointer: str
    ) -> None:
        small_rig.put(strict_file())

        answer = small_rig.call("POST", f"{small_rig.at}/versions", json={"export": override})

        assert answer.status_code == 422
        assert (answer.json["errors"][0]["pointer"], answer.json["errors"][0]["reason"]) == (pointer, "promise_lowered")
        assert "build a draft" in answer.json["errors"][0]["detail"]
        assert small_rig.call("GET", f"{small_rig.at}/versions").json["versions"] == []
        assert (
            small_rig.call("POST", f"{small_rig.at}/versions", json={"export": override, "draft": True}).status_code
            == 202
        )

    def test_what_raises_or_only_chooses_is_taken(self, small_rig: Rig) -> None:
        small_rig.put(strict_file())

        for override in CHOICES:
            answer = small_rig.call("POST", f"{small_rig.at}/versions", json={"export": override})
            assert answer.status_code == 202, (override, answer.json)

    def test_the_gate_on_rows_that_nobody_declared_cannot_be_lowered_either(self, small_rig: Rig) -> None:
        body = project_file()
        del body["export"]["gates"]
        small_rig.put(body)

        answer = small_rig.call("POST", f"{small_rig.at}/versions", json={"export": {"gates": {"min_rows": 0}}})

        assert [fault["pointer"] for fault in answer.json["errors"]] == ["/export/gates/min_rows"]

    def test_leaving_a_target_out_does_not_leave_its_gate_out(self, small_rig: Rig) -> None:
        body = project_file()
        small_rig.put(body | {"export": body["export"] | {"gates": {"mood": {"alpha": 0.9}, "min_rows": 0}}})
        small_rig.send(["lol", "meh"])
        small_rig.label({"lol": ["good", "bad"], "meh": ["bad", "good"]})

        result = small_rig.build(export={"targets": []})

        assert result["state"] == "refused"
        assert [gate["name"] for gate in small_rig.read(result["version"])["gates"]] == ["mood.alpha"]

    def test_a_gate_that_was_raised_before_the_build_began_holds_for_it(self, small_rig: Rig) -> None:
        small_rig.fill()
        asked = small_rig.ask(export={"labels": {"min_annotations": 2}})
        body = project_file()
        small_rig.put(body | {"export": body["export"] | {"labels": {"min_annotations": 3}}})

        from foundation import queue

        queue.run_job(asked["job"])

        job = small_rig.call("GET", f"/v1/jobs/{asked['job']}").json
        assert job["status"] != "done"
        assert "promise less" in job["error"]

    def test_a_draft_with_a_lowered_gate_is_marked_with_both_values(self, small_rig: Rig) -> None:
        body = project_file()
        small_rig.put(body | {"export": body["export"] | {"gates": {"mood": {"alpha": 0.9}, "min_rows": 0}}})
        small_rig.fill()

        result = small_rig.build(draft=True, export={"gates": {"mood": {"alpha": 0.1}}})

        lowered = {"pointer": "/export/gates/mood/alpha", "before": 0.9, "after": 0.1, "revision": None}
        version = result["version"]
        assert result["state"] == "draft"
        assert small_rig.manifest(version)["lowered"] == [lowered]
        assert small_rig.read(version)["lowered"] == [lowered]
        assert small_rig.manifest(version)["overrides"] == [
            {"pointer": "/export/gates/mood/alpha", "before": 0.9, "after": 0.1}
        ]
        assert b"by the override of this draft" in small_rig.fetch(version, "README.md")
        assert lowered in activity(small_rig, "version_draft")["lowered"]
        assert activity(small_rig, "version_asked")["overrides"] == {"gates": {"mood": {"alpha": 0.1}}}

    def test_an_override_that_raises_stands_in_manifest_card_and_log(self, small_rig: Rig) -> None:
        small_rig.fill()

        small_rig.build(export={"labels": {"min_annotations": 2}})

        changed = {"pointer": "/export/labels/min_annotations", "before": 1, "after": 2}
        assert small_rig.manifest("1.0.0")["overrides"] == small_rig.read("1.0.0")["overrides"] == [changed]
        assert small_rig.manifest("1.0.0")["lowered"] == []
        assert b"`2` in place of `1`" in small_rig.fetch("1.0.0", "README.md")
        assert activity(small_rig, "version_published")["overrides"] == [changed]


class TestRevisions:
    def test_a_gate_that_a_revision_lowered_stands_in_manifest_card_and_log(self, rig: Rig) -> None:
        body = project_file()
        for alpha in (0.9, 0.7, 0.8):
            rig.put(body | {"export": body["export"] | {"gates": {"mood": {"alpha": alpha}, "min_rows": 0}}})
        rig.fill([f"text number {n}" for n in range(150)])

        rig.build()

        lowered = {"pointer": "/export/gates/mood/alpha", "before": 0.9, "after": 0.8, "revision": 3}
        assert rig.manifest("1.0.0")["lowered"] == rig.read("1.0.0")["lowered"] == [lowered]
        assert b"`0.8`, before `0.9`, since revision 3" in rig.fetch("1.0.0", "README.md")
        assert activity(rig, "version_published")["lowered"] == [lowered]

    def test_the_log_has_both_values_at_the_moment_of_the_revision(self, rig: Rig) -> None:
        body = project_file()
        rig.put(body | {"export": body["export"] | {"gates": {"mood": {"alpha": 0.9}, "min_rows": 0}}})
        rig.put(body)

        assert activity(rig, "project_revised")["lowered"] == [
            {"pointer": "/export/gates/mood", "before": {"alpha": 0.9, "bound": "point"}, "after": None}
        ]

    def test_a_revision_that_lowers_nothing_says_nothing_of_it(self, small_rig: Rig) -> None:
        small_rig.put(project_file(title="Another title"))

        assert "lowered" not in activity(small_rig, "project_revised")


class TestLoweredSince:
    def test_what_was_raised_again_is_not_told(self) -> None:
        strict, lax = section(gates={"mood": {"alpha": 0.8}}), section(gates={"mood": {"alpha": 0.5}})

        assert lowered_since([(1, strict), (2, lax), (3, strict)]) == ()
        assert lowered_since([(1, lax), (2, strict)]) == ()
        assert lowered_since([(1, strict)]) == lowered_since([]) == ()

    def test_the_strictest_earlier_value_is_told_and_the_revision_that_lowered_it_last(self) -> None:
        alphas = (0.5, 0.4, 0.9, 0.7, 0.6)
        revisions = [(number, section(gates={"mood": {"alpha": alpha}})) for number, alpha in enumerate(alphas, 1)]

        assert lowered_since(revisions) == (Lowered("/export/gates/mood/alpha", 0.9, 0.6, 5),)

    def test_a_gate_that_was_lowered_and_then_taken_away_is_told_whole(self) -> None:
        revisions = [section(gates={"mood": {"alpha": 0.8}}), section(gates={"mood": {"alpha": 0.5}}), section()]

        (lowered,) = lowered_since(enumerate(revisions, 1))

        assert lowered == Lowered("/export/gates/mood", {"alpha": 0.8, "bound": "point"}, None, 3)


class TestSettingsChanged:
    def test_only_what_differs_is_told(self) -> None:
        assert settings_changed(section(), section(weights="none")) == ()
        assert [one.pointer for one in settings_changed(section(), section(gates={"min_rows": 3}))] == [
            "/export/gates/min_rows"
        ]

    def test_a_section_keeps_its_own_promises(self) -> None:
        strict = section(gates=GATES, labels=LABELS)

        assert promises_lowered(strict, strict) == ()


def activity(rig: Rig, action: str) -> dict[str, Any]:
    """The facts of the newest row of that action."""
    rows, cursor = [], None
    while True:
        page = rig.call("GET", "/v1/activity" + (f"?cursor={cursor}" if cursor else "")).json
        rows += page["activity"]
        cursor = page.get("cursor")
        if not cursor:
            break
    found = [row for row in rows if row["action"] == action]
    return dict(max(found, key=lambda row: row["seq"])["facts"])
