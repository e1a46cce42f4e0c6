"""Capture conditions: kept by list, validated, normalized, enriched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.intake.context import device_family, network_quality, os_major, part_of_day, read_context, weekday
from collector.project import parse_project
from collector.project_file import ProjectFile
from tests.signals import project_body

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)  # a Sunday
FILE = parse_project(project_body(), ()).file
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def kept(file: ProjectFile = FILE, **sent: Any) -> dict[str, Any]:
    context, dropped, faults = read_context(sent, file, NOW)
    assert (dropped, faults) == ([], [])
    return context


class TestKeeping:
    def test_what_is_not_listed_is_dropped_unseen(self) -> None:
        context = kept(contacts=["bob@example.com"], downlink_kbps="not even a number")

        assert set(context) == set(FILE.context_names)
        assert "bob" not in str(context)

    def test_what_is_missing_is_none(self) -> None:
        assert kept()["device_model"] is None

    def test_texts_are_scrubbed(self) -> None:
        assert kept(device_model="bob@example.com's phone")["device_model"] == "<EMAIL_ADDRESS>'s phone"

    def test_a_version_of_four_numbers_is_no_address(self) -> None:
        assert kept(app_version="10.2.33.4")["app_version"] == "10.2.33.4"

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [("de_DE", "de-DE"), ("EN", "en"), ("zh-Hant-TW", "zh-Hant-TW"), ("ZH-hant-tw", "zh-Hant-TW")],
    )
    def test_locales_have_one_form(self, sent: str, stored: str) -> None:
        assert kept(locale=sent)["locale"] == stored

    def test_names_of_systems_have_one_form(self) -> None:
        assert [kept(os_name=name)["os_name"] for name in ("iOS", "iPhone OS", "Android")] == ["ios", "ios", "android"]

    @given(st.dictionaries(st.sampled_from([*FILE.keep, "age_band", "x"]), JSON))
    def test_nothing_sent_raises_and_what_is_wrong_is_pointed_at(self, sent: dict[str, Any]) -> None:
        context, dropped, faults = read_context(sent, FILE, NOW)

        assert set(context) == set(FILE.context_names)
        assert faults == []
        for one in dropped:
            assert context[one.pointer.split("/")[2]] is None

    @pytest.mark.parametrize("sent", ["Bob", [], 5, True])
    def test_only_a_context_that_is_no_object_is_a_fault(self, sent: Any) -> None:
        assert [(fault.pointer, fault.reason) for fault in read_context(sent, FILE, NOW)[2]] == [
            ("/context", "wrong_type")
        ]


class TestLocation:
    def test_it_is_coarsened_to_the_grid(self) -> None:
        near = [kept(location={"lat": 52.52 + shift, "lon": 13.405})["location"] for shift in (0, 0.004)]

        assert near[0] == near[1]
        assert abs(near[0]["lat"] - 52.52) < 0.05

    @given(st.floats(-90, 90), st.floats(-180, 180))
    @example(0, 180)
    @example(52.52, -180)
    def test_it_stays_on_the_globe_and_within_its_cell(self, lat: float, lon: float) -> None:
        found = kept(location={"lat": lat, "lon": lon})["location"]

        assert -90 <= found["lat"] <= 90
        assert -180 <= found["lon"] <= 180
        assert abs(found["lat"] - lat) * 111.32 <= FILE.privacy.location_km * 0.51 + 0.01


class TestEnriching:
    @pytest.mark.parametrize(
        ("hour", "part"),
        [(0, "night"), (5, "night"), (6, "morning"), (11, "morning"), (12, "afternoon"), (17, "afternoon"),
         (18, "evening"), (21, "evening"), (22, "night")],
    )  # fmt: skip
    def test_parts_of_the_day_are_by_the_clock_on_the_wall(self, hour: int, part: str) -> None:
        local = datetime(2026, 1, 1, hour, tzinfo=UTC) - timedelta(hours=9)

        assert part_of_day({"timezone": "Asia/Tokyo"}, local) == part

    def test_without_a_zone_or_a_believable_clock_there_is_none(self) -> None:
        assert part_of_day({}, NOW) is None
        assert part_of_day({"timezone": "Nowhere/Land"}, NOW) is None
        assert part_of_day({"timezone": "Europe/Berlin"}, None) is None
        assert weekday({"timezone": "Europe/Berlin"}, NOW) == "sunday"
        assert weekday({"timezone": "Pacific/Honolulu"}, NOW) == "saturday"

    @pytest.mark.parametrize(
        ("zone", "hour"),
        [("GMT+0530", 13), ("+05:30", 13), ("UTC-9", 23), ("Etc/GMT+9", 23), ("Z", 8), ("Asia/Calcutta", 13)],
    )
    def test_a_zone_given_as_an_offset_tells_the_time_too(self, zone: str, hour: int) -> None:
        part = {13: "afternoon", 23: "night", 8: "morning"}[hour]

        assert part_of_day({"timezone": zone}, NOW) == part
        assert weekday({"timezone": zone}, NOW) == ("saturday" if hour == 23 else "sunday")

    def test_near_the_end_of_all_time_there_is_none(self) -> None:
        assert part_of_day({"timezone": "+05:30"}, datetime.max.replace(tzinfo=UTC)) is None

    @pytest.mark.parametrize(
        ("sent", "quality"),
        [
            ({}, "unknown"),
            ({"network_type": "none"}, "offline"),
            ({"network_type": "Offline"}, "offline"),
            ({"rtt_ms": 2000}, "slow-2g"),
            ({"rtt_ms": 1999}, "2g"),
            ({"rtt_ms": 1400}, "2g"),
            ({"rtt_ms": 270}, "3g"),
            ({"rtt_ms": 269}, "4g"),
            ({"downlink_kbps": 50}, "slow-2g"),
            ({"downlink_kbps": 70}, "2g"),
            ({"downlink_kbps": 700}, "3g"),
            ({"downlink_kbps": 701}, "4g"),
            ({"rtt_ms": 100, "downlink_kbps": 60}, "2g"),
            ({"rtt_ms": "fast"}, "unknown"),
            ({"rtt_ms": "1500"}, "2g"),
            ({"rtt_ms": -1}, "unknown"),
            ({"network_type": "NotReachable", "rtt_ms": 100}, "offline"),
            ({"network_type": ["none"]}, "offline"),
            ({"network_type": "4g"}, "unknown"),
        ],
    )
    def test_network_quality_follows_the_thresholds_of_the_w3c(self, sent: dict[str, Any], quality: str) -> None:
        assert network_quality(sent) == quality

    @pytest.mark.parametrize(
        ("model", "family"),
        [
            ("SM-S911B", "SM-S911"),
            ("iPhone14,2", "iPhone14"),
            ("Pixel 8 Pro", "Pixel 8"),
            ("Mi 9T", "Mi 9T"),
            ("", None),
        ],
    )
    def test_a_family_is_the_model_without_its_variant(self, model: str, family: str | None) -> None:
        assert device_family({"device_model": model}) == family

    @pytest.mark.parametrize(
        ("version", "major"), [("15", "15"), ("17.5.1", "17"), ("beta", None), (15, "15"), (True, None)]
    )
    def test_the_major_version(self, version: object, major: str | None) -> None:
        assert os_major({"os_version": version}) == major
