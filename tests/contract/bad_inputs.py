"""What a hostile or broken phone may send, and the answer the contract promises; a new bug is a new row here."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import zstandard

from tests.signals import CONSENT, days_ago, envelope, make_signal, ndjson

JSON = "application/json"
NDJSON = "application/x-ndjson"
MAX_SIGNALS = 500
MAX_UNPACKED = 20_000_000
MAX_SIGNAL = 32_768


@dataclass(frozen=True)
class Whole:
    """A request that is refused as a whole: a status, and not one row."""

    name: str
    body: bytes
    status: int
    reason: str | None = None
    pointer: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class One:
    """A signal that is refused between two that are stored."""

    name: str
    signal: Mapping[str, Any]
    reason: str
    pointer: str


@dataclass(frozen=True)
class Fine:
    """A signal that looks odd and is taken; `check` sees its result."""

    name: str
    signal: Mapping[str, Any]
    check: Callable[[Mapping[str, Any]], bool] = lambda result: result["status"] == "accepted"


def payload(**values: Any) -> dict[str, Any]:
    made = make_signal()
    made["payload"] |= values
    return made


def context(**values: Any) -> dict[str, Any]:
    return make_signal(context=values)


def good() -> bytes:
    return orjson.dumps(envelope(make_signal()))


def raw(text: str) -> bytes:
    """A whole signal whose text is written as given, quotes and all."""
    made = orjson.dumps(make_signal(payload={"text": "HERE"})).decode()
    return f'{{"signals":[{made}],"consent":{orjson.dumps(CONSENT).decode()}}}'.replace('"HERE"', text).encode()


def signal_written(**written: str) -> bytes:
    """An envelope with one signal, members of whose payload are written as JSON by hand."""
    made = orjson.dumps(make_signal()).decode()
    members = ",".join(f'"{name}":{value}' for name, value in written.items())
    return f'{{"signals":[{made.replace(chr(34) + "payload" + chr(34) + ":{", chr(34) + "payload" + chr(34) + ":{" + members + ",")}]}}'.encode()


def deep(depth: int, *, kind: str = "list") -> bytes:
    opening, closing = (b"[", b"]") if kind == "list" else (b'{"a":', b"}")
    return b'{"id":' + opening * depth + b"1" + closing * depth + b"}"


def nested(depth: int, *, kind: str = "list") -> Any:
    made: Any = []
    for _ in range(depth):
        made = [made] if kind == "list" else {"a": made}
    return made


def zeros(packer: str, size: int) -> bytes:
    if packer == "zstd":
        compressor = zstandard.ZstdCompressor(level=3).compressobj()
    else:
        compressor = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)  # type: ignore[assignment]
    pieces = [compressor.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join([*pieces, compressor.flush()])


def encoded(body: bytes, encoding: str) -> dict[str, Any]:
    return {"body": body, "headers": {"Content-Encoding": encoding}}


def in_future(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def oversized() -> dict[str, Any]:
    made = make_signal(payload={"text": ""})
    return {**made, "payload": {"text": "a" * (MAX_SIGNAL + 1 - len(orjson.dumps(made)))}}


def whole_requests() -> list[Whole]:
    zstd = zstandard.ZstdCompressor().compress
    wide = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    wide_frame = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    wide_window = wide_frame.compress(good()) + wide_frame.flush()
    lines = ndjson(make_signal(), make_signal())
    return [
        Whole("A1 nothing", b"", 400, "empty_body"),
        Whole("A2 spaces only", b"   \n ", 400, "empty_body"),
        Whole("A3 null", b"null", 422, "not_an_object"),
        Whole("A3 a text", b'"x"', 422, "not_an_object"),
        Whole("A3 a number", b"5", 422, "not_an_object"),
        Whole("A3 a list", b"[]", 422, "not_an_object"),
        Whole("A4 trailing comma", b'{"id": 1,}', 400, "not_json"),
        Whole("A4 comment", b'{"id": 1 /* x */}', 400, "not_json"),
        Whole("A4 single quotes", b"{'id': 1}", 400, "not_json"),
        Whole("A4 a plus sign", b'{"id": +1}', 400, "not_json"),
        Whole("A4 a bare fraction", b'{"id": .5}', 400, "not_json"),
        Whole("A4 leading zeros", b'{"id": 0123}', 400, "not_json"),
        Whole("A5 two documents", good() + good(), 400, "not_json"),
        Whole("A6 something behind the document", good() + b"x", 400, "not_json"),
        Whole("A7 a thousand lists deep", deep(1_000), 400),
        Whole("A7 a thousand objects deep", deep(1_000, kind="object"), 400),
        Whole("A8 a hundred thousand deep", b"[" * 100_000, 400),
        Whole("A8 a hundred thousand deep inside signals", b'{"signals":' + b"[" * 100_000, 400),
        Whole("A9 NaN", raw("NaN"), 400, "not_json"),
        Whole("A9 Infinity", raw("-Infinity"), 400, "not_json"),
        Whole("A9 a number without end", signal_written(price="1e400"), 400, "not_json"),
        Whole("A11 five thousand digits", signal_written(stars="1" * 5_000), 400, "not_json"),
        Whole("A12 a lone surrogate", raw(r'"\ud800"'), 400),
        Whole("A12 a lone low surrogate", raw(r'"\udc00 x"'), 400),
        Whole("A13 byte FF", raw('"HE"').replace(b"HE", b"\xff"), 400, "not_utf8"),
        Whole("A13 overlong", raw('"HE"').replace(b"HE", b"\xc0\xaf"), 400, "not_utf8"),
        Whole("A13 a surrogate in UTF-8", raw('"HE"').replace(b"HE", b"\xed\xa0\x80"), 400, "not_utf8"),
        Whole("A15 UTF-16", good().decode().encode("utf-16"), 400, "not_utf8"),
        Whole("A17 a raw control character", raw('"\x01"'), 400, "not_json"),
        Whole("B22 too many signals", orjson.dumps({"signals": [{}] * (MAX_SIGNALS + 1)}), 413, "too_many_signals"),
        Whole("B22 too many lines", b"{}\n" * (MAX_SIGNALS + 1), 413, "too_many_signals", headers={"Content-Type": NDJSON}),
        Whole("B24 signals is an object", b'{"signals": {}}', 422, "wrong_type", "/signals"),
        Whole("B24 signals is null", b'{"signals": null}', 422, "wrong_type", "/signals"),
        Whole("B24 consent is a list", b'{"signals": [], "consent": []}', 422, "wrong_type", "/consent"),
        Whole("B24 something else in the envelope", b'{"signals": [], "x": 1}', 422, "unknown_field"),
        Whole("D49 granted is a text", orjson.dumps(envelope(make_signal(), consent={**CONSENT, "granted": "yes"})), 422, "wrong_type", "/consent/granted"),
        Whole("D49 given_at without zone", orjson.dumps(envelope(make_signal(), consent={**CONSENT, "given_at": "2026-01-01T00:00:00"})), 422, "wrong_type", "/consent/given_at"),
        Whole("D consent from the future", orjson.dumps(envelope(make_signal(), consent={**CONSENT, "given_at": in_future(3)})), 422, "out_of_range", "/consent/given_at"),
        Whole("D sent at no time", good(), 400, "wrong_type", headers={"Winnow-Sent-At": "yesterday"}),
        Whole("E50 brotli", status=415, **encoded(good(), "br")),
        Whole("E50 gzip twice", status=415, **encoded(gzip.compress(gzip.compress(good())), "gzip, gzip")),
        Whole("E50 identity with a weight", status=415, **encoded(good(), "identity;q=0")),
        Whole("E51 said gzip, sent plain", status=400, reason="encoding_damaged", **encoded(good(), "gzip")),
        Whole("E51 said zstd, sent plain", status=400, reason="encoding_damaged", **encoded(good(), "zstd")),
        Whole("E52 gzip cut by its trailer", status=400, reason="body_incomplete", **encoded(gzip.compress(good())[:-8], "gzip")),
        Whole("E52 gzip cut in half", status=400, reason="body_incomplete", **encoded(gzip.compress(good())[:60], "gzip")),
        Whole("E52 zstd cut by a byte", status=400, reason="body_incomplete", **encoded(zstd(good())[:-1], "zstd")),
        Whole("E53 gzip bomb", status=413, **encoded(zeros("gzip", 100 << 20), "gzip")),
        Whole("E53 zstd bomb", status=413, **encoded(zeros("zstd", 256 << 20), "zstd")),
        Whole("E54 zstd with a wide window", status=400, reason="encoding_damaged", **encoded(wide_window, "zstd")),
        Whole("E55 a second gzip member is read too", status=400, reason="not_json", **encoded(gzip.compress(good()) * 2, "gzip")),
        Whole("E55 a second zstd frame is read too", status=400, reason="not_json", **encoded(zstd(good()) * 2, "zstd")),
        Whole("E55 something behind the gzip member", status=400, reason="encoding_damaged", **encoded(gzip.compress(good()) + b"xyz", "gzip")),
        Whole("E52 gzip of nothing", status=400, reason="empty_body", **encoded(gzip.compress(b""), "gzip")),
        Whole("E57 a number among lines", lines + b"5\n", 422, "not_an_object", headers={"Content-Type": NDJSON}),
        Whole("E56 blank lines only", b"\n\r\n\n", 400, "empty_body", headers={"Content-Type": NDJSON}),
        Whole("A13 byte FF in one of two lines", lines.replace(b"words", b"\xff", 1), 400, "not_utf8", headers={"Content-Type": NDJSON}),
        Whole("D sent at nothing", good(), 400, "wrong_type", headers={"Winnow-Sent-At": " "}),
        Whole("E57 a list as NDJSON", b"[{}]\n", 422, "not_an_object", headers={"Content-Type": NDJSON}),
        Whole("E58 text/plain", good(), 415, headers={"Content-Type": "text/plain"}),
        Whole("E58 no content type", good(), 415, headers={"Content-Type": ""}),
        Whole("E58 UTF-16 announced", good(), 415, headers={"Content-Type": "application/json; charset=utf-16"}),
        Whole("E58 multipart", good(), 415, headers={"Content-Type": "multipart/form-data; boundary=x"}),
        Whole("E larger than the limit", b" " * (MAX_UNPACKED + 1), 413),
    ]  # fmt: skip


def dropped(pointer: str, reason: str) -> Callable[[Mapping[str, Any]], bool]:
    """The signal is stored without this value, and the result says so."""
    return lambda result: result.get("dropped") == [{"pointer": pointer, "reason": reason}]


TIMES = (
    "2016-12-31T23:59:60Z",
    "2025-11-22T08:26Z",
    "2025-11-22t08:26:18z",
    "2025-11-22 08:26:18,5+0530",
    "2025-11-22T08:26:18.123456789+05",
)


def now_written() -> dict[str, str]:
    """The present minute as systems write it."""
    now = datetime.now(UTC) - timedelta(minutes=2)
    india = now + timedelta(hours=5, minutes=30)
    return {
        "without seconds": f"{now:%Y-%m-%dT%H:%MZ}",
        "with a leap second": f"{now:%Y-%m-%dT%H:%M}:60Z",
        "in small letters": f"{now:%Y-%m-%dt%H:%M:%Sz}",
        "with a short zone": f"{india:%Y-%m-%d %H:%M:%S}.123456789+0530",
        "without marks": f"{now:%Y%m%dT%H%M%S}+00",
    }


def single_signals() -> list[One]:
    long_key = "k" * 10_000
    return [
        One("A7 three hundred lists deep", payload(text=nested(300)), "wrong_type", "/payload/text"),
        One("A7 three hundred deep where nothing is known", payload(other=nested(300)), "unknown_field", "/payload/other"),
        *(One(f"A7 {depth} objects deep where nothing is known", payload(other=nested(depth, kind="object")), "unknown_field", "/payload/other") for depth in (8, 9, 10, 40)),
        One("A7 a text forty objects deep", payload(text=nested(40, kind="object")), "wrong_type", "/payload/text"),
        One("A10 an integer of 64 bits without sign", payload(stars=2**64 - 1), "out_of_range", "/payload/stars"),
        One("A10 an integer of 65 bits", payload(stars=2**64), "out_of_range", "/payload/stars"),
        One("A10 a negative integer of 65 bits", payload(stars=-(2**64)), "out_of_range", "/payload/stars"),
        One("A10 an integer of 65 bits where nothing is known", payload(other=2**64), "unknown_field", "/payload/other"),
        One("A11 a number of 310 digits", payload(price=10**310), "out_of_range", "/payload/price"),
        One("A11 an age of 310 digits", make_signal(age_ms=10**310), "out_of_range", "/age_ms"),
        One("A11 a confidence of 310 digits", make_signal(prediction={"model": "m", "values": {"a": 10**310}}), "wrong_type", "/prediction/values/a"),
        One("A16 NUL in a text", payload(text="a\0b"), "nul_character", "/payload/text"),
        One("A16 NUL in a key", payload(**{"a\0b": 1}), "unknown_field", "/payload/ab"),
        One("A16 NUL in the subject", make_signal(subject="a\0b"), "nul_character", "/subject"),
        One("A16 NUL in the device", make_signal(device="a\0b"), "nul_character", "/device"),
        One("A19 __proto__", payload(__proto__=1), "unknown_field", "/payload/__proto__"),
        One("A19 $ref", payload(**{"$ref": "file:///etc/passwd"}), "unknown_field", "/payload/$ref"),
        One("A19 constructor", payload(constructor=1), "unknown_field", "/payload/constructor"),
        One("A19 a key of 10 kB", payload(**{long_key: 1}), "unknown_field", f"/payload/{'k' * 64}"),
        One("A19 an empty key", payload(**{"": 1}), "unknown_field", "/payload/"),
        One("A19 a key with marks of a pointer", payload(**{"a/b~c": 1}), "unknown_field", "/payload/a~1b~0c"),
        One("A20 true for a number", payload(price=True), "wrong_type", "/payload/price"),
        One("A20 a text for a number", payload(price="5"), "wrong_type", "/payload/price"),
        One("A20 a fraction for an integer", payload(stars=5.5), "wrong_type", "/payload/stars"),
        One("A20 a whole number of 54 bits with a point", payload(stars=float(2**54)), "out_of_range", "/payload/stars"),
        One("A20 a whole number beyond all", payload(stars=1e308), "out_of_range", "/payload/stars"),
        One("A20 a number for a text", payload(text=5), "wrong_type", "/payload/text"),
        One("A20 a number for a truth", payload(paid=1), "wrong_type", "/payload/paid"),
        One("A20 a list for a category", payload(store=["food"]), "wrong_type", "/payload/store"),
        One("B23 a byte too large", oversized(), "too_large", ""),
        One("B25 no id", make_signal(id=None), "missing_field", "/id"),
        One("B25 an id that is none", make_signal(id="1"), "wrong_type", "/id"),
        One("B25 an id in braces", make_signal(id="{0199f0aa-0000-7000-8000-000000000001}"), "wrong_type", "/id"),
        One("B25 the nil id", make_signal(id="00000000-0000-0000-0000-000000000000"), "wrong_type", "/id"),
        One("B25 an id without its dashes", make_signal(id="0199f0aa00007000800000000000abcd"), "wrong_type", "/id"),
        One("B25 an id as a URN", make_signal(id="urn:uuid:0199f0aa-0000-7000-8000-0000000000ab"), "wrong_type", "/id"),
        One("B25 a number as id", make_signal(id=7), "wrong_type", "/id"),
        One("B30 an unknown member", make_signal(extra=1), "unknown_field", "/extra"),
        One("B not an object", 5, "wrong_type", ""),  # type: ignore[arg-type]
        One("B a list", [1], "wrong_type", ""),  # type: ignore[arg-type]
        One("C31 the required field is missing", make_signal(payload={}), "missing_field", "/payload/text"),
        One("C31 the required field is null", make_signal(payload={"text": None}), "missing_field", "/payload/text"),
        One("C31 no payload", make_signal(payload=None), "missing_field", "/payload"),
        One("C31 the payload is a list", make_signal(payload=[]), "wrong_type", "/payload"),
        One("C32 a character too long", payload(text="ä" * 2001), "too_long", "/payload/text"),
        One("C34 a category that is not listed", payload(store="bank"), "not_in_list", "/payload/store"),
        One("C35 below the minimum", payload(price=-1e-9), "out_of_range", "/payload/price"),
        One("C35 above the maximum", payload(price=1e308), "out_of_range", "/payload/price"),
        One("C39 the context is a list", make_signal(context=[]), "wrong_type", "/context"),
        One("C41 a prediction without a model", make_signal(prediction={"values": {}}), "wrong_type", "/prediction"),
        One("C41 a prediction of the wrong shape", make_signal(prediction=[1]), "wrong_type", "/prediction"),
        One("C41 a confidence above one", make_signal(prediction={"model": "m", "values": {}, "confidence": 2}), "out_of_range", "/prediction/confidence"),
        One("C a revision that is not there", make_signal(revision=99), "wrong_value", "/revision"),
        One("C a revision beyond all numbers", make_signal(revision=2**63), "wrong_value", "/revision"),
        One("C a fraction as revision", make_signal(revision=1.0), "wrong_value", "/revision"),
        One("C true as revision", make_signal(revision=True), "wrong_value", "/revision"),
        One("C a text as revision", make_signal(revision="1"), "wrong_value", "/revision"),
        One("D43 without zone", make_signal(captured_at="2026-11-22T08:26:18"), "wrong_type", "/captured_at"),
        One("D43 hour 24", make_signal(captured_at="2026-11-22T24:00:00Z"), "wrong_type", "/captured_at"),
        One("D43 a second after the leap second", make_signal(captured_at="2016-12-31T23:59:61Z"), "wrong_type", "/captured_at"),
        One("D43 year 0", make_signal(captured_at="0000-01-01T00:00:00Z"), "wrong_type", "/captured_at"),
        One("D43 a number", make_signal(captured_at=1e9), "wrong_type", "/captured_at"),
        One("D43 without minutes", make_signal(captured_at="2026-11-22T08Z"), "wrong_type", "/captured_at"),
        One("D43 a field without zone", payload(bought_at="2026-11-22T08:26"), "wrong_type", "/payload/bought_at"),
        One("D43 a zone of 25 hours", make_signal(captured_at="2026-11-22T08:26:18+25:00"), "wrong_type", "/captured_at"),
        One("D43 30 February", make_signal(captured_at="2026-02-30T00:00:00Z"), "wrong_type", "/captured_at"),
        One("D43 a week date", make_signal(captured_at="2026-W47-7T08:26:18Z"), "wrong_type", "/captured_at"),
        One("D43 missing", make_signal(captured_at=None), "missing_field", "/captured_at"),
        One("D45 too old", make_signal(captured_at=days_ago(31)), "too_old", "/captured_at"),
        One("D an age below zero", make_signal(age_ms=-1), "out_of_range", "/age_ms"),
        One("D an age as text", make_signal(age_ms="5"), "wrong_type", "/age_ms"),
        One("D47 no subject", make_signal(subject=None), "missing_field", "/subject"),
        One("D47 a subject that is a number", make_signal(subject=5), "wrong_type", "/subject"),
        One("D48 another purpose", make_signal(subject="other", consent={**CONSENT, "purposes": ["advertising"]}), "consent_missing", "/subject"),
        One("D48 an old notice", make_signal(subject="notice", consent={**CONSENT, "notice": "0"}), "consent_missing", "/subject"),
        One("D48 withdrawn", make_signal(subject="gone", consent={**CONSENT, "granted": False}), "consent_missing", "/subject"),
        One("D48 given after the capture", make_signal(subject="late", captured_at=days_ago(2), consent={**CONSENT, "given_at": days_ago(1)}), "consent_missing", "/subject"),
        One("D49 granted is a text", make_signal(consent={**CONSENT, "granted": "yes"}), "wrong_type", "/consent/granted"),
        One("D49 an unknown member of the consent", make_signal(consent={**CONSENT, "x": 1}), "unknown_field", "/consent/x"),
    ]  # fmt: skip


def odd_but_fine() -> list[Fine]:
    trap = "order 4111 1111 1111 1112 of 2026"
    return [
        Fine("B25 an id in upper case", make_signal(id="0199F0AA-0000-7000-8000-0000000000AA"), lambda result: result["id"] == "0199f0aa-0000-7000-8000-0000000000aa"),
        Fine("C33 two thousand combining marks", payload(text="a" + "\u0301\u0489" * 900)),
        Fine("C33 families of emoji", payload(text="👩\u200d👩\u200d👧\u200d👦" * 200)),
        Fine("C32 exactly as long as allowed", payload(text="😀" * 2000)),
        Fine("C35 minus zero", payload(price=-0.0)),
        Fine("C37 seven decimals", context(location={"lat": 52.5200066, "lon": 13.4049540})),
        Fine("C the context is null", make_signal(context=None)),
        Fine("C what the context does not keep", context(contacts=["bob"], battery=0.5)),
        Fine("C41 a prediction for no question", make_signal(prediction={"model": "m@1", "values": {"x": "y"}, "confidence": 0.5})),
        Fine("C42 sixteen digits that fail Luhn", payload(text=trap), lambda result: "redactions" not in result),
        Fine("C a number that is an integer", payload(price=5)),
        Fine("A12 a pair of surrogates", payload(text="\U0001f600")),
        Fine("D43 small letters", make_signal(captured_at=in_future(0).replace("+00:00", "z").replace("T", "t"))),
        *(Fine(f"D43 {text}", payload(bought_at=text)) for text in TIMES),
        *(Fine(f"D43 consent of {text}", make_signal(consent={**CONSENT, "given_at": text})) for text in TIMES),
        *(Fine(f"D43 now, written {name}", make_signal(captured_at=text)) for name, text in now_written().items()),
        *(Fine(f"D44 {text}", make_signal(captured_at=text)) for text in ("9998-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00")),
        Fine("C a whole number with a point", payload(stars=3.0)),
        Fine("C a category in another Unicode form", payload(store="cafe\u0301")),
        Fine("D44 1970 with a consent of this year", make_signal(captured_at="1970-01-01T00:00:00Z")),
        Fine("D44 2099", make_signal(captured_at="2099-01-01T00:00:00Z")),
        Fine("D44 a year ahead", make_signal(captured_at=in_future(365))),
        Fine("D44 1970", make_signal(captured_at="1970-01-01T00:00:00Z", consent={**CONSENT, "given_at": "1969-12-31T23:59:59Z"}, subject="old")),
        Fine("D an age of years", make_signal(age_ms=3.16e11)),
        Fine("D a drop field is dropped", payload(secret="x"), dropped("/payload/secret", "personal")),
        Fine("A11 a round trip of 310 digits", context(rtt_ms=10**310), dropped("/context/rtt_ms", "out_of_range")),
        Fine("A11 an attribute of 310 digits", context(age_band=10**310), dropped("/context/age_band", "out_of_range")),
        Fine("A16 NUL in the context", context(device_model="a\0b"), dropped("/context/device_model", "nul_character")),
        Fine("C37 latitude 91", context(location={"lat": 91, "lon": 0}), dropped("/context/location/lat", "out_of_range")),
        Fine("C37 longitude 181", context(location={"lat": 0, "lon": 181}), dropped("/context/location/lon", "out_of_range")),
        Fine("C37 latitude missing", context(location={"lon": 1}), dropped("/context/location/lat", "wrong_type")),
        Fine("C37 a location of another shape", context(location=[52.5, 13.4]), dropped("/context/location", "wrong_type")),
        Fine("C38 a long locale", context(locale="x" * 500), dropped("/context/locale", "wrong_value")),
        Fine("C38 a path as time zone", context(timezone="../../etc/passwd"), dropped("/context/timezone", "wrong_value")),
        Fine("C38 a zone that does not exist", context(timezone="Etc/GMT+99"), dropped("/context/timezone", "wrong_value")),
        Fine("C39 a negative round trip", context(rtt_ms=-1), dropped("/context/rtt_ms", "out_of_range")),
        Fine("C39 a battery above one", context(battery=1.01), dropped("/context/battery", "out_of_range")),
        Fine("C39 a version of 10 kB", context(os_version="1" * 10_000), dropped("/context/os_version", "wrong_value")),
        Fine("C39 charging is a text", context(charging="no"), dropped("/context/charging", "wrong_type")),
        Fine("C39 an unknown network", context(network_type="pigeon"), dropped("/context/network_type", "not_in_list")),
    ]  # fmt: skip
