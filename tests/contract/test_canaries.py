"""Personal data planted in every place of a request leaves no readable trace: not in HOME, database, broker, logs, answers."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import psutil
import pytest
from sqlalchemy import text

from collector import queries
from foundation.database import Database
from foundation.settings import Settings
from tests.api_server import Answer, ApiServer, running_api
from tests.signals import CONSENT, Held, empty, envelope, make_project, make_signal, ndjson, tables_of

pytestmark = pytest.mark.slow
CANARIES = {
    "e-mail": "canary.kq7@mailbox-kq7.org",
    "phone": "+49 151 23456789",
    "card": "4539 1488 0343 6467",
    "plain card": "4539148803436467",
    "IBAN": "DE89370400440532013000",
    "IPv4": "81.2.69.142",
    "IPv6": "2a02:8109:9cc0:1e8c::77",
    "MAC": "3c:22:fb:7a:1b:9d",
    "URL": "https://kq7-private.example.org/u/anna?id=77",
    "SSN": "536-90-4399",
    "bitcoin": "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
    "segwit": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "ether": "0x52908400098527886E0F7030069857D2E4169EE7",
}
NOT_FOUND_IN_A_WORD = {("MAC", "/context/locale behind a language")}
"""The scrub takes `de-3c:22:…` for one word and finds no address in it."""
NO_NUMBER_OF_ITS_OWN = {"SSN"}
"""Nine digits without their dashes are any number."""
CONTROL = "a text that is kept as it is, for the search must find it"


@dataclass(frozen=True)
class World:
    server: ApiServer
    database: Database
    project: Held
    home: Path

    def send(
        self, body: bytes, *, role: str = "ingest", method: str = "POST", path: str = "/signals", **headers: str
    ) -> Answer:
        given = {"Authorization": f"Bearer {self.project.keys[role]}", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.send(method, f"{self.project.url}{path}", body, given)


def batch_of(*signals: Any, consent: Mapping[str, Any] | None = CONSENT) -> bytes:
    return json.dumps(envelope(*signals, consent=consent)).encode()


def consented(**changes: Any) -> bytes:
    return batch_of(make_signal(), consent={**CONSENT, **changes})


def with_payload(**values: Any) -> bytes:
    made = make_signal()
    made["payload"] |= values
    return batch_of(made)


def with_context(**values: Any) -> bytes:
    return batch_of(make_signal(context=values))


def predicted(**changes: Any) -> bytes:
    return batch_of(make_signal(prediction={"model": "m", "values": {}, **changes}))


def number_in(value: str) -> int:
    return int("".join(letter for letter in value if letter.isdigit()) or "0")


PLACES: dict[str, Callable[[World, str], Answer]] = {
    "/payload/text": lambda world, value: world.send(with_payload(text=f"call me: {value} or so")),
    "/payload/text alone": lambda world, value: world.send(with_payload(text=value)),
    "/payload/text too long": lambda world, value: world.send(with_payload(text=value + " x" * 2000)),
    "/payload/text nested": lambda world, value: world.send(with_payload(text={"a": [{"b": value, value: 1}]})),
    "/payload/text far too deep": lambda world, value: world.send(with_payload(text=deep_with(value))),
    "/payload/<unknown>": lambda world, value: world.send(with_payload(**{value: 1})),
    "/payload/<unknown, long>": lambda world, value: world.send(with_payload(**{f"{value} {'x' * 300}": 1})),
    "/payload/unknown": lambda world, value: world.send(with_payload(unknown=value)),
    "/payload/price": lambda world, value: world.send(with_payload(price=value)),
    "/payload/price as a number": lambda world, value: world.send(with_payload(price=number_in(value))),
    "/payload/store": lambda world, value: world.send(with_payload(store=value)),
    "/payload/paid": lambda world, value: world.send(with_payload(paid=value)),
    "/payload/bought_at": lambda world, value: world.send(with_payload(bought_at=value)),
    "/payload/member (pseudonymized)": lambda world, value: world.send(with_payload(member=value)),
    "/payload/secret (dropped)": lambda world, value: world.send(with_payload(secret=value)),
    "/payload as a text": lambda world, value: world.send(batch_of(make_signal(payload=value))),
    "/payload as a list": lambda world, value: world.send(batch_of(make_signal(payload=[value]))),
    **{
        f"/context/{name}": lambda world, value, name=name: world.send(with_context(**{name: value}))  # type: ignore[misc]
        for name in ("device_model", "os_name", "os_version", "app_version", "locale", "timezone", "network_type",
                     "rtt_ms", "battery", "charging", "location", "age_band", "part_of_day", "contacts")
    },
    "/context/locale behind a language": lambda world, value: world.send(with_context(locale=f"de-{value}".replace(" ", "-"))),
    "/context/location/lat": lambda world, value: world.send(with_context(location={"lat": value, "lon": 1})),
    "/context/location/<unknown>": lambda world, value: world.send(with_context(location={"lat": 1, "lon": 1, value: 1})),
    "/context/<unknown>": lambda world, value: world.send(with_context(**{value: value})),
    "/context as a text": lambda world, value: world.send(batch_of(make_signal(context=value))),
    "/subject": lambda world, value: world.send(batch_of(make_signal(subject=value))),
    "/subject too long": lambda world, value: world.send(batch_of(make_signal(subject=value * 30))),
    "/subject as a list": lambda world, value: world.send(batch_of(make_signal(subject=[value]))),
    "/device": lambda world, value: world.send(batch_of(make_signal(device=value))),
    "/device as a list": lambda world, value: world.send(batch_of(make_signal(device=[value]))),
    "/id": lambda world, value: world.send(batch_of(make_signal(id=value))),
    "/captured_at": lambda world, value: world.send(batch_of(make_signal(captured_at=value))),
    "/age_ms": lambda world, value: world.send(batch_of(make_signal(age_ms=value))),
    "/revision": lambda world, value: world.send(batch_of(make_signal(revision=value))),
    "/<unknown>": lambda world, value: world.send(batch_of(make_signal(**{value: value}))),
    "/prediction/model": lambda world, value: world.send(predicted(model=value)),
    "/prediction/values": lambda world, value: world.send(predicted(values={value: value})),
    "/prediction/values nested": lambda world, value: world.send(predicted(values={value: [value]})),
    "/prediction/<unknown>": lambda world, value: world.send(predicted(**{value: value})),
    "/prediction as a text": lambda world, value: world.send(batch_of(make_signal(prediction=value))),
    "/consent/notice": lambda world, value: world.send(consented(notice=value)),
    "/consent/notice with dashes": lambda world, value: world.send(consented(notice=value.replace(" ", "-"))),
    "/consent/purposes": lambda world, value: world.send(consented(purposes=["training", value])),
    "/consent/given_at": lambda world, value: world.send(consented(given_at=value)),
    "/consent/granted": lambda world, value: world.send(consented(granted=value)),
    "/consent/<unknown>": lambda world, value: world.send(consented(**{value: value})),
    "consent of a signal": lambda world, value: world.send(batch_of(make_signal(consent={**CONSENT, "notice": value}), consent=None)),
    "without consent": lambda world, value: world.send(batch_of(make_signal(subject="never asked", payload={"text": value}), consent=None)),
    "a signal that is a text": lambda world, value: world.send(batch_of(value)),
    "a signal too large": lambda world, value: world.send(batch_of(make_signal(payload={"text": f"{value} {'x' * 40_000}"}))),
    "the envelope": lambda world, value: world.send(json.dumps({"signals": [], value: value}).encode()),
    "JSON that is broken": lambda world, value: world.send(json.dumps({"id": value}).encode()[:-1]),
    "a line that is broken": lambda world, value: world.send(ndjson(make_signal()) + value.encode() + b"\n" + ndjson(make_signal()), Content_Type="application/x-ndjson"),
    "a body cut short": lambda world, value: world.send(gzip.compress(with_payload(text=value))[:-9], Content_Encoding="gzip"),
    "another media type": lambda world, value: world.send(value.encode(), Content_Type="text/plain"),
    "a body larger than allowed": lambda world, value: world.send(value.encode() + b" " * 20_000_001),
    "form of the log-in": lambda world, value: world.server.send("POST", "/", f"key={quote(value)}".encode(), {"Content-Type": "application/x-www-form-urlencoded"}),
    "upload to the log-in": lambda world, value: world.server.send("POST", "/", multipart(value), {"Content-Type": "multipart/form-data; boundary=xx"}),
    "header X-Request-Id": lambda world, value: world.send(batch_of(make_signal()), X_Request_Id=value),
    "header X-Request-Id, digits": lambda world, value: world.send(batch_of(make_signal()), X_Request_Id=str(number_in(value))),
    "header User-Agent": lambda world, value: world.send(batch_of(make_signal()), User_Agent=value),
    "header Referer": lambda world, value: world.send(batch_of(make_signal()), Referer=value),
    "header Cookie": lambda world, value: world.send(batch_of(make_signal()), Cookie=f"session={value}"),
    "header Authorization": lambda world, value: world.send(batch_of(make_signal()), Authorization=f"Bearer {value}"),
    "header Winnow-Sent-At": lambda world, value: world.send(batch_of(make_signal()), Winnow_Sent_At=value),
    "header Winnow-Subject": lambda world, value: world.send(orjson.dumps(CONSENT), method="PUT", path="/subject/consent", Winnow_Subject=value, Winnow_Subject_Token="t" * 43),
    "header Winnow-Subject-Token": lambda world, value: world.send(orjson.dumps(CONSENT), method="PUT", path="/subject/consent", Winnow_Subject="s", Winnow_Subject_Token=value * 2),
    "consent by its own call": lambda world, value: world.send(json.dumps({**CONSENT, "notice": value, value: value}).encode(), method="PUT", path="/subject/consent", role="backend", Winnow_Subject="s"),
    "erasure": lambda world, value: world.send(b"", method="DELETE", path="/subject", role="backend", Winnow_Subject=value),
    "the query": lambda world, value: world.send(batch_of(make_signal()), path=f"/signals?q={quote(value)}"),
    "the cursor": lambda world, value: world.send(b"", role="manage", method="GET", path=f"/dead-letters?cursor={quote(value)}"),
    "the path": lambda world, value: world.send(b"", method="GET", path=f"/{quote(value, safe='')}"),
    "the project's name": lambda world, value: world.server.send("GET", f"/v1/projects/{quote(value, safe='')}", b"", {"Authorization": f"Bearer {world.project.keys['admin']}"}),
    "an annotation": lambda world, value: world.send(json.dumps([{"item": value, "question": value, "annotator": value, "value": value, value: value}]).encode(), role="manage", path="/annotations"),
    "an annotator's name": lambda world, value: world.send(json.dumps([{"item": "0199f0aa-0000-7000-8000-0000000000aa", "question": "q", "annotator": value, "value": value}]).encode(), role="manage", path="/annotations"),
    "a webhook": lambda world, value: world.server.send("POST", f"/v1/webhooks/label-studio/{world.project.name}", json.dumps({value: value}).encode(), {"Content-Type": "application/json"}),
}  # fmt: skip


def deep_with(value: str) -> list[Any]:
    made: list[Any] = [value]
    for _ in range(12):
        made = [made]
    return made


def multipart(value: str) -> bytes:
    head = 'Content-Disposition: form-data; name="key"; filename="x"\r\nContent-Type: text/plain\r\n\r\n'
    return f"--xx\r\n{head}{value}{'x' * 1_000_000}\r\n--xx--\r\n".encode()


@pytest.fixture(scope="module")
def world(
    opened_database: Database, settings: Settings, tmp_path_factory: pytest.TempPathFactory, valkey_url: str
) -> Iterator[World]:
    empty(opened_database)
    queries._FILES.clear()
    kept = {"kept": {"kind": "text", "pii": "keep"}}
    from tests.signals import project_body

    project = make_project(opened_database, fields={**project_body()["fields"], **kept})
    home = tmp_path_factory.mktemp("canaries")
    with running_api(settings, home, WINNOW_BROKER_URL=valkey_url) as server:
        yield World(server, opened_database, project, home)


class TestEveryPlace:
    @pytest.mark.parametrize("place", PLACES)
    def test_no_answer_repeats_it(self, world: World, place: str) -> None:
        for kind, value in CANARIES.items():
            if (kind, place) in NOT_FOUND_IN_A_WORD:
                continue
            answer = PLACES[place](world, value)

            assert answer.status not in {0, 500}, (kind, answer.body[:300])
            told = b"\n".join([answer.body, *(f"{name}: {word}".encode() for name, word in answer.headers.items())])
            assert found_in(told, needles_of(kind, value)) == [], (kind, answer.body[:600])


class TestAfterwards:
    """Runs after the places above, on what they left."""

    def test_the_search_would_find_it(self, world: World) -> None:
        answer = world.send(with_payload(kept=CONTROL))

        assert answer.json["accepted"] == 1
        assert found_in(dump_of(world.database), needles_of("control", CONTROL))

    def test_no_table_holds_it(self, world: World) -> None:
        dump = dump_of(world.database)

        assert hits_in(dump) == []

    def test_no_file_holds_it(self, world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
        """HOME with its logs and temporary files, SQLite's file and log, and the broker's file."""
        places = [world.home, *tmp_path_factory.getbasetemp().glob("valkey*")]
        if not world.database.is_postgresql:
            places.append(Path(str(world.database.engine.url.database)).parent)
        files = [path for place in places for path in place.rglob("*") if path.is_file()]

        assert any(path.name == "api.log" for path in files)
        assert any("aof" in path.name for path in files)
        assert {str(path): hits for path in files if (hits := hits_in(path.read_bytes()))} == {}

    def test_nothing_is_spooled_to_a_file(self, world: World) -> None:
        everybody = [psutil.Process(world.server.part.pid)]
        everybody += everybody[0].children(recursive=True)
        opened = [str(link.readlink()) for one in everybody for link in Path(f"/proc/{one.pid}/fd").iterdir() if link.is_symlink()]  # fmt: skip

        assert [
            name for name in opened if name.startswith("/") and name.endswith("(deleted)") and "memfd" not in name
        ] == []
        assert list((world.home / "tmp").rglob("*")) == []


def needles_of(kind: str, value: str) -> list[tuple[str, bytes]]:
    """The value as it is, and as encodings would hide it."""
    plain = value.encode()
    forms = {
        "plain": plain,
        "hex": plain.hex().encode(),
        "UTF-16": value.encode("utf-16-le"),
        "UTF-16 big": value.encode("utf-16-be"),
        "quoted": quote(value, safe="").encode(),
        **{f"base64 {shift}": base64.b64encode(bytes(shift) + plain)[4 if shift else 0 : -4] for shift in range(3)},
    }
    tight = value.replace(" ", "").replace("-", "")
    if tight != value and kind not in NO_NUMBER_OF_ITS_OWN:
        forms |= {"tight": tight.encode()}
    if value != value.lower():
        forms |= {"lower": value.lower().encode()}
    return [(f"{kind} as {form}", needle) for form, needle in forms.items()]


def found_in(haystack: bytes, needles: list[tuple[str, bytes]]) -> list[str]:
    return [name for name, needle in needles if needle in haystack]


def hits_in(haystack: bytes) -> list[str]:
    """Which canary is in it, how it is written, and what stands around it."""
    hits = []
    for kind, value in CANARIES.items():
        for name, needle in needles_of(kind, value):
            start = 0
            while (at := haystack.find(needle, start)) >= 0:
                around = haystack[max(0, at - 120) : at + 80]
                start = at + len(needle)
                if kind == "IPv4" and (b"_version" in around or b"os_major" in around):
                    continue
                hits.append(f"{name}: {around!r}")
    return hits[:20]


def dump_of(database: Database) -> bytes:
    """Every row of every table, bytes as hexadecimal."""
    lines = []
    with database.engine.connect() as connection:
        for name in tables_of(database):
            for row in connection.execute(text(f"SELECT * FROM {name}")):
                cells = (cell.hex() if isinstance(cell, bytes | memoryview) else str(cell) for cell in row)
                lines.append(f"{name}: {' | '.join(cells)}")
    return "\n".join(lines).encode()
