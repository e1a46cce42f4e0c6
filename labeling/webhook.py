"""How Label Studio proves that a hint comes from it: a secret for each project, in a header."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest

from foundation.identifiers import derive_key
from foundation.settings import Settings

SECRET_HEADER = "Winnow-Webhook-Secret"  # noqa: S105


def secret_of(settings: Settings, project: str) -> str:
    """What has to stand in the header for a project."""
    return derive_key(settings.secret_key.get_secret_value(), f"label-studio-webhook:{project}").hex()


def proves(settings: Settings, project: str, headers: Mapping[str, str]) -> bool:
    """Whether the headers carry the secret; compared in constant time, and never where no secret is set."""
    if not settings.secret_key.get_secret_value():
        return False
    return compare_digest(headers.get(SECRET_HEADER, "").encode(), secret_of(settings, project).encode())
