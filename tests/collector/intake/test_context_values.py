"""What phones write into their context, and what is read from it."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.context import READERS
from collector.intake.context_values import (
    Unread,
    read_attribute,
    read_battery,
    read_charging,
    read_locale,
    read_location,
    read_os_name,
    read_text,
    read_timezone,
    read_version,
    zone_of,
)
from collector.intake.networks import NETWORKS, read_network
from tests.collector.intake.test_context import JSON

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class TestLocales:
    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            # BCP 47, whatever its case and mark
            *(("de-DE", "de-DE"), ("de_DE", "de-DE"), ("EN", "en"), ("ZH-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")),
            *(("sl-rozaj-biske", "sl-rozaj-biske"), ("de-CH-1996", "de-CH-1996"), ("zh-cmn-Hans-CN", "zh-cmn-Hans-CN")),
            *(("fil-PH", "fil-PH"), ("und-US", "und-US"), (" de-DE ", "de-DE"), ("zh-CN-Hans", "zh-Hans-CN")),
            # its extensions
            *(("en-US-u-hc-h12", "en-US"), ("de-DE-u-co-phonebk-nu-latn", "de-DE"), ("ar-EG-x-private-use", "ar-EG")),
            *(("ja-JP-t-it", "ja-JP"), ("en-US-u-va-posix", "en-US")),
            # Java
            *(("zh_CN_#Hans", "zh-Hans-CN"), ("sr_RS_#Latn", "sr-Latn-RS"), ("sr__#Latn", "sr-Latn")),
            *(("th_TH_TH_#u-nu-thai", "th-TH"), ("ja_JP_JP_#u-ca-japanese", "ja-JP"), ("ar_EG_#u-nu-latn", "ar-EG")),
            *(("zh_HK_#Hant_u-nu-hanidec", "zh-Hant-HK"), ("iw_IL", "he-IL"), ("in_ID", "id-ID"), ("en_US_POSIX", "en-US")),
            # Apple
            *(("th_TH@calendar=buddhist", "th-TH"), ("zh-Hans_US", "zh-Hans-US"), ("en_DE@currency=EUR;calendar=x", "en-DE")),
            # POSIX
            *(("de_DE.UTF-8", "de-DE"), ("de_DE@euro", "de-DE"), ("sr_RS.UTF-8@latin", "sr-Latn-RS")),
            *(("ca_ES@valencia", "ca-ES-valencia"), ("uz_UZ@cyrillic", "uz-Cyrl-UZ"), ("ru_RU.KOI8-R", "ru-RU")),
            # a browser's list: the first is the one it speaks
            ("de-DE,de;q=0.9,en;q=0.8", "de-DE"),
        ],
    )  # fmt: skip
    def test_every_systems_writing_is_one_locale(self, sent: str, stored: str) -> None:
        assert read_locale(sent) == stored

    @pytest.mark.parametrize("sent", ["", " ", "C", "POSIX", "C.UTF-8", "und", "root", "unknown", "null", "undefined"])
    def test_none_is_none(self, sent: str) -> None:
        assert read_locale(sent) is None

    @pytest.mark.parametrize(
        "sent", ["Deutsch", "German (Germany)", "1031", "d", "x-klingon", "i-klingon", "de-DEU-DEU", "de DE", "-", "_#"]
    )
    def test_what_is_none_of_them_is_not_read(self, sent: str) -> None:
        assert read_locale(sent) is Unread.WRONG_VALUE

    def test_what_was_read_is_read_as_itself(self) -> None:
        for sent in ("zh_CN_#Hans", "sr_RS.UTF-8@latin", "ca_ES@valencia", "zh-cmn-Hans-CN"):
            assert read_locale(read_locale(sent)) == read_locale(sent)


class TestTimezones:
    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            *(("Europe/Berlin", "Europe/Berlin"), ("europe/BERLIN", "Europe/Berlin"), ("Asia/Calcutta", "Asia/Calcutta")),
            *(("US/Pacific", "US/Pacific"), ("Etc/GMT+5", "Etc/GMT+5"), ("UTC", "UTC"), ("GMT", "GMT"), ("EST", "EST")),
            *(("GMT+05:30", "+05:30"), ("GMT+0530", "+05:30"), ("GMT+5:30", "+05:30"), ("GMT-3", "-03:00")),
            *(("UTC+2", "+02:00"), ("UTC-03:30", "-03:30"), ("UTC\N{MINUS SIGN}5", "-05:00"), ("+0530", "+05:30")),
            *(("+05:30", "+05:30"), ("-08", "-08:00"), ("+5", "+05:00"), ("+14:00", "+14:00"), ("-12:00", "-12:00")),
            *(("+00:00", "UTC"), ("-00:00", "UTC"), ("GMT+00:00", "UTC"), ("Z", "UTC"), ("z", "UTC"), (" UTC ", "UTC")),
            ("+05:45:00", "+05:45"),
        ],
    )  # fmt: skip
    def test_names_and_offsets_are_read(self, sent: str, stored: str) -> None:
        assert read_timezone(sent) == stored

    @pytest.mark.parametrize("sent", ["", "Etc/Unknown", "Factory", "localtime", "null", "unknown"])
    def test_none_is_none(self, sent: str) -> None:
        assert read_timezone(sent) is None

    @pytest.mark.parametrize(
        ("sent", "why"),
        [
            *(("../../etc/passwd", Unread.WRONG_VALUE), ("Etc/GMT+99", Unread.WRONG_VALUE), ("IST", Unread.WRONG_VALUE)),
            *(("+25:00", Unread.OUT_OF_RANGE), ("GMT-13", Unread.OUT_OF_RANGE), ("+05:60", Unread.WRONG_VALUE)),
            *((330, Unread.WRONG_TYPE), (True, Unread.WRONG_TYPE), ("x" * 121, Unread.WRONG_VALUE), ("+\N{ARABIC-INDIC DIGIT FIVE}", Unread.WRONG_VALUE)),
        ],
    )  # fmt: skip
    def test_what_nobody_can_tell_is_not_read(self, sent: Any, why: Unread) -> None:
        assert read_timezone(sent) is why

    @given(st.integers(-12 * 60, 14 * 60))
    def test_an_offset_counts_eastward(self, minutes: int) -> None:
        sign = "-" if minutes < 0 else "+"
        read = read_timezone(f"GMT{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}")

        assert zone_of(str(read)).utcoffset(NOW) == timedelta(minutes=minutes)

    def test_every_zone_that_is_read_is_one(self) -> None:
        for name in zoneinfo.available_timezones():
            if read := read_timezone(name):
                assert zone_of(read).utcoffset(NOW) is not None


class TestNetworks:
    @pytest.mark.parametrize(
        ("sent", "kind"),
        [
            # W3C Network Information, Capacitor, Cordova
            *(("wifi", "wifi"), ("cellular", "cellular"), ("ethernet", "ethernet"), ("none", "none"), ("other", "other")),
            *(("bluetooth", "bluetooth"), ("wimax", "other"), ("mixed", "other"), ("unknown", "unknown")),
            *(("2g", "cellular"), ("3g", "cellular"), ("4g", "cellular"), ("5G", "cellular"), ("slow-2g", "unknown")),
            # React Native netinfo, Flutter connectivity_plus
            *(("vpn", "vpn"), ("ConnectivityResult.mobile", "cellular"), ("ConnectivityResult.satellite", "other")),
            *((["wifi"], "wifi"), (["vpn", "mobile"], "cellular"), (["vpn"], "vpn"), (["none"], "none"), ([], None)),
            # Android
            *(("MOBILE", "cellular"), ("WIFI", "wifi"), ("TYPE_MOBILE_DUN", "cellular"), ("TRANSPORT_CELLULAR", "cellular")),
            *(("TRANSPORT_WIFI_AWARE", "wifi"), ("NETWORK_TYPE_LTE", "cellular"), ("HSPA+", "cellular"), ("LTE_CA", "cellular")),
            *(("EVDO_A", "cellular"), ("1xRTT", "cellular"), ("TD_SCDMA", "cellular"), ("NR", "cellular"), ("MOBILE[LTE]", "cellular")),
            # iOS
            *(("CTRadioAccessTechnologyNRNSA", "cellular"), ("CTRadioAccessTechnologyCDMAEVDORevA", "cellular")),
            *(("wiredEthernet", "ethernet"), ("ReachableViaWiFi", "wifi"), ("ReachableViaWWAN", "cellular"), ("NotReachable", "none")),
            # by hand
            *(("Wi-Fi", "wifi"), ("WLAN", "wifi"), ("offline", "offline"), ("no connection", "none"), ("airplane mode", "none")),
            *(("", None), ("null", None), (" wifi ", "wifi"), ("n/a", None), ("ConnectivityResult.null", None)),
            # of several the one that others are made of, in whatever order they stand
            *((["mobile", "wifi"], "wifi"), (["wifi", "mobile"], "wifi"), (["ethernet", "vpn", "mobile"], "cellular")),
        ],
    )  # fmt: skip
    def test_the_usual_libraries_are_understood(self, sent: Any, kind: str | None) -> None:
        assert read_network(sent) == kind

    @pytest.mark.parametrize("sent", ["carrier pigeon", "5ghz", "nrw", "lteral"])
    def test_what_is_none_is_not_read(self, sent: str) -> None:
        assert read_network(sent) is Unread.NOT_IN_LIST

    @given(JSON)
    def test_it_is_of_the_list_or_not_read(self, sent: Any) -> None:
        read = read_network(sent)

        assert read is None or type(read) is Unread or read in NETWORKS


class TestBattery:
    @pytest.mark.parametrize(
        ("sent", "share"),
        [(0, 0), (1, 1), (0.4, 0.4), ("0.4", 0.4), ("85%", 0.85), ("85 %", 0.85), (-1, None), (-1.0, None), ("-1", None),
         ("", None), ("unknown", None)],
    )  # fmt: skip
    def test_it_is_a_share(self, sent: Any, share: float | None) -> None:
        assert read_battery(sent) == share

    @pytest.mark.parametrize("sent", [85, 1.01, -0.5, -2, 10**310, "85", "101%"])
    def test_a_bare_percentage_is_not_read(self, sent: Any) -> None:
        assert read_battery(sent) is Unread.OUT_OF_RANGE

    @pytest.mark.parametrize("sent", [True, [1], "half", "٨٥%", "1e400", "0x1", "1_0"])
    def test_what_is_no_number_is_not_read(self, sent: Any) -> None:
        assert read_battery(sent) is Unread.WRONG_TYPE


class TestCharging:
    @pytest.mark.parametrize(
        ("sent", "is_charging"),
        [(True, True), (False, False), (1, True), (0, False), ("true", True), ("BatteryState.charging", True), ("FULL", True),
         ("unplugged", False), ("notCharging", False), ("not charging", False), ("unknown", None), ("", None)],
    )  # fmt: skip
    def test_the_usual_states_are_read(self, sent: Any, is_charging: bool | None) -> None:
        assert read_charging(sent) is is_charging

    @pytest.mark.parametrize(("sent", "why"), [("maybe", "wrong_type"), (2, "wrong_type"), ([True], "wrong_type")])
    def test_others_are_not(self, sent: Any, why: str) -> None:
        assert read_charging(sent) is Unread(why)


class TestTexts:
    @pytest.mark.parametrize("read", [read_text, read_version, read_os_name, read_attribute])
    @pytest.mark.parametrize("sent", ["", "  ", "unknown", "(null)"])
    def test_what_says_nothing_is_none(self, read: Any, sent: str) -> None:
        assert read(sent) is None

    def test_they_are_in_one_unicode_form(self) -> None:
        assert read_text("Te\u0301le\u0301phone") == "Téléphone"

    @pytest.mark.parametrize(("sent", "why"), [("x" * 121, "too_long"), ("a\0b", "nul_character"), (5, "wrong_type")])
    def test_others_are_not_read(self, sent: Any, why: str) -> None:
        assert read_text(sent) is Unread(why)

    def test_a_whole_number_is_a_version(self) -> None:
        assert [read_version(one) for one in (15, "15", "3.2.1 (8)", "10.2.33.4")] == [
            "15",
            "15",
            "3.2.1 (8)",
            "10.2.33.4",
        ]

    @pytest.mark.parametrize(
        ("sent", "why"), [(3.1, "wrong_type"), (True, "wrong_type"), (-1, "wrong_type"), ("1" * 41, "wrong_value")]
    )
    def test_what_may_be_another_version_is_not(self, sent: Any, why: str) -> None:
        assert read_version(sent) is Unread(why)

    @pytest.mark.parametrize("sent", [10**310, 1e6, -(10**7)])
    def test_an_attribute_is_nobodys_number(self, sent: Any) -> None:
        assert read_attribute(sent) is Unread.OUT_OF_RANGE


class TestNumbers:
    @pytest.mark.parametrize(("name", "limit"), [("rtt_ms", 600_000), ("downlink_kbps", 100_000_000)])
    def test_both_ends_are_read_and_nothing_beyond(self, name: str, limit: int) -> None:
        read = READERS[name]

        assert [read(0), read(limit)] == [0, limit]
        assert [read(-0.5), read(limit + 0.5)] == [Unread.OUT_OF_RANGE, Unread.OUT_OF_RANGE]


class TestLengths:
    @pytest.mark.parametrize(
        ("read", "sent"),
        [
            (read_locale, "de-DE"),
            (read_timezone, "Europe/Berlin"),
            (read_text, "Pixel 8"),
            (read_version, "14.1"),
            (read_battery, "0.5"),
            (read_charging, "charging"),
            (read_network, "wifi"),
        ],
    )
    def test_a_hundred_and_twenty_characters_are_read_and_no_more(self, read: Any, sent: str) -> None:
        assert type(read(sent.ljust(120))) is not Unread
        assert type(read(sent.ljust(121))) is Unread


class TestPlaces:
    @pytest.mark.parametrize(
        "sent",
        [{"lat": 52.52, "lon": 13.4}, {"latitude": 52.52, "longitude": 13.4}, {"lat": "52.52", "lng": "13.4"},
         {"lat": 52.52, "lon": 13.4, "accuracy": 5, "altitude": 34}],
    )  # fmt: skip
    def test_the_usual_writings_are_one_place(self, sent: dict[str, Any]) -> None:
        assert read_location(sent, 10) == ({"lat": 52.5512, "lon": 13.444}, {})

    def test_it_is_the_middle_of_a_cell_to_four_decimals(self) -> None:
        assert read_location({"lat": -33.86, "lon": 151.21}, 10) == ({"lat": -33.8663, "lon": 151.2439}, {})
        assert read_location({"lat": -33.86, "lon": 151.21}, 1) == ({"lat": -33.8573, "lon": 151.2063}, {})

    @pytest.mark.parametrize("sent", ["", {}, {"lat": None, "lon": None}])
    def test_nowhere_is_none(self, sent: Any) -> None:
        assert read_location(sent, 10) == (None, {})

    @pytest.mark.parametrize(
        ("sent", "unread"),
        [
            ({"lat": 91, "lon": 0}, {"/lat": "out_of_range"}),
            ({"lat": 0, "lon": -180.5}, {"/lon": "out_of_range"}),
            ({"lat": 91, "lon": 999}, {"/lat": "out_of_range", "/lon": "out_of_range"}),
            ({"lon": 1}, {"/lat": "wrong_type"}),
            ({"lat": True, "lon": 1}, {"/lat": "wrong_type"}),
            ([52.5, 13.4], {"": "wrong_type"}),
            ("52.5, 13.4", {"": "wrong_type"}),
        ],
    )
    def test_an_impossible_one_is_said(self, sent: Any, unread: dict[str, str]) -> None:
        assert read_location(sent, 10) == (None, unread)
