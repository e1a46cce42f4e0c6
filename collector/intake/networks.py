"""Kinds of network by the names that the usual libraries have for them, brought to one closed list."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from collector.intake.context_values import MAX_TEXT, UNKNOWN, Unread

NETWORKS = ("wifi", "cellular", "ethernet", "bluetooth", "vpn", "other", "unknown", "none", "offline")
NOT_KNOWN = UNKNOWN - {"unknown"}
PREFIX = re.compile(r"^(?:transport_|type_|network_type_|ctradioaccesstechnology|reachable_?via_?|connected_?via_?)")
"""What stands before a name in Android's, Apple's and older libraries' constants."""
SPELLINGS = {
    "wifi": ("wi_fi", "wlan", "wireless", "wifi_p2p", "wifi_aware", "iwlan"),
    "cellular": (
        *("mobile", "cell", "wwan", "gsm", "gprs", "edge", "umts", "wcdma", "hspa", "hsdpa", "hsupa", "hspap", "cdma"),
        *("cdma1x", "cdma2000", "1xrtt", "evdo", "cdmaevdo", "ehrpd", "iden", "td_scdma", "tdscdma", "lte", "nr", "nrnsa", "nrsa"),
        *("2g", "3g", "4g", "5g"),
    ),
    "ethernet": ("wired", "wiredethernet", "lan"),
    "bluetooth": ("bt",),
    "other": ("wimax", "mixed", "satellite", "usb", "dummy", "loopback", "lowpan", "thread"),
    "unknown": ("slow_2g",),
    "none": (
        *("not_connected", "notconnected", "disconnected", "no_connection", "no_network", "nonetwork", "unavailable"),
        *("notreachable", "not_reachable", "airplane", "airplane_mode"),
    ),
}  # fmt: skip
"""Other names of each: ConnectivityManager, NetworkCapabilities, TelephonyManager and NWInterface, connectivity_plus of Flutter, netinfo of
React Native, Capacitor, Cordova and W3C Network Information. The last one's `effectiveType` is a quality, and `slow-2g` nothing but one."""
KIND_OF = {name: kind for kind, names in SPELLINGS.items() for name in names} | {name: name for name in NETWORKS}
LONGER = re.compile(r"(mobile|cellular|wifi|ethernet|bluetooth|lte|hspa|evdo|cdma|[2-5]g|nr)(?![a-z])|(?:cdma)?evdo")
"""Names that go on behind these say more of the same: `MOBILE_DUN`, `evdo_rev_a`, `cellular (4g)`."""


def read_network(value: Any) -> str | Unread | None:
    """One of NETWORKS. Of several, as Flutter lists them, the one that carries the others.

    >>> [read_network(one) for one in ("WIFI", "lte", "ConnectivityResult.mobile", ["vpn", "wifi"], "wimax", "NONE", "")]
    ['wifi', 'cellular', 'cellular', 'wifi', 'other', 'none', None]
    """
    if isinstance(value, list):
        return _carrier(value)
    if not isinstance(value, str):
        return Unread.WRONG_TYPE
    return _network(value) if len(value) <= MAX_TEXT else Unread.NOT_IN_LIST


def _carrier(several: list[Any]) -> str | Unread | None:
    if not several or len(several) > len(NETWORKS) or not all(isinstance(one, str) for one in several):
        return None if not several else Unread.WRONG_TYPE
    read = [read_network(one) for one in several]
    unread = next((one for one in read if type(one) is Unread), None)
    known = [kind for kind in NETWORKS if kind in read]
    carriers = [kind for kind in known if kind != "vpn"] or known
    return unread if unread or not carriers else carriers[0]


@lru_cache(maxsize=1024)
def _network(text: str) -> str | Unread | None:
    name = re.sub(r"[^a-z0-9]+", "_", text.strip().rpartition(".")[2].lower()).strip("_")
    if name in NOT_KNOWN or text.strip().lower() in NOT_KNOWN:
        return None
    name = PREFIX.sub("", name)
    if name in KIND_OF:
        return KIND_OF[name]
    begun = LONGER.match(name)
    return KIND_OF[begun[1] or "evdo"] if begun else Unread.NOT_IN_LIST
