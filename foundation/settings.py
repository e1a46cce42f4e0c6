"""Every knob of Winnow: typed, frozen, read once from the environment at an edge and passed down."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from foundation.errors import Fault, UsageError
from foundation.memory_budget import bytes_for_one_body

PREFIX = "WINNOW_"
SECRETS = ("secret_key", "pseudonym_key", "seal_key")
MIN_SECRET_CHARS = 32
MIN_DISTINCT_CHARS = 10
LONGEST_LEASE_S = 600


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class BadSettings(UsageError):
    title = "A setting cannot be used"


class Settings(BaseSettings):
    """All settings; each is an environment variable with the prefix `WINNOW_` and a row in docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    env: Environment = Environment.DEVELOPMENT
    home: Path = Path("var")
    database_url: str = ""
    broker_url: str = ""
    blobs_url: str = ""
    secret_key: SecretStr = SecretStr("")
    pseudonym_key: SecretStr = SecretStr("")
    seal_key: SecretStr = SecretStr("")

    label_studio_url: str = ""
    label_studio_token: SecretStr = SecretStr("")
    label_studio_timeout_s: float = Field(default=60.0, gt=0, le=600)

    max_signals: int = Field(default=500, ge=1, le=100_000)
    max_unpacked_bytes: int = Field(default=20_000_000, ge=1_000)
    max_signal_bytes: int = Field(default=32_768, ge=1_000)
    max_annotations: int = Field(default=100_000, ge=1)
    max_bodies_bytes: int = Field(default=256_000_000, validate_default=True)
    body_deadline_s: float = Field(default=30.0, gt=0)
    api_processes: int = Field(default=0, ge=0, le=64)
    api_memory_folder: str = ""
    trusted_proxies: int = Field(default=0, ge=0, le=10)

    ingest_requests_per_minute: int = Field(default=600, ge=1)
    subject_requests_per_minute: int = Field(default=120, ge=1)
    project_requests_per_minute: int = Field(default=60_000, ge=1)

    session_idle_s: int = Field(default=3_600, ge=60, le=86_400)
    session_longest_s: int = Field(default=43_200, ge=60, le=604_800)

    lease_s: int = Field(default=30, ge=3, le=LONGEST_LEASE_S)
    sync_every_s: int = Field(default=30, ge=1)
    sweep_every_s: int = Field(default=5, ge=1, le=30)
    expectation_cpu_s: int = Field(default=30, ge=1, le=3600)
    min_free_bytes: int = Field(default=256_000_000, ge=0)
    log_level: str = "INFO"
    metrics_token: SecretStr = SecretStr("")
    failpoints: str = ""

    @field_validator("home")
    @classmethod
    def _home_is_absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("max_bodies_bytes")
    @classmethod
    def _one_body_fits(cls, max_bodies_bytes: int, others: ValidationInfo) -> int:
        needed = bytes_for_one_body(others.data.get("max_unpacked_bytes", 0))
        if max_bodies_bytes < needed:
            raise ValueError(f"must be at least {needed}, or a body of WINNOW_MAX_UNPACKED_BYTES never fits")
        return max_bodies_bytes

    @property
    def is_production(self) -> bool:
        return self.env is Environment.PRODUCTION

    @property
    def database(self) -> str:
        """The database's URL: the one given, or SQLite in HOME."""
        return self.database_url or f"sqlite:///{self.home / 'winnow.sqlite3'}"

    def processes_of_the_api(self, cores: int) -> int:
        """How many answer requests: the number given, else one a core on PostgreSQL, as far as each may hold the largest body.

        SQLite has one writer, and of several processes each would have to look again and again whether it may.
        """
        wanted = self.api_processes or (1 if self.database.startswith("sqlite") else cores)
        return max(1, min(wanted, self.max_bodies_bytes // bytes_for_one_body(self.max_unpacked_bytes)))

    @property
    def blobs(self) -> str:
        """Where blobs and versions lie: the URL given, or a folder in HOME."""
        return self.blobs_url or (self.home / "blobs").as_uri()

    @property
    def secrets_folder(self) -> Path:
        return self.home / "secrets"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from environment variables; missing secrets come from HOME/secrets, where the embedded default keeps them.

    Raises:
        BadSettings: a value is not allowed, or production lacks a secret or has a weak one; each fault names the variable.
    """
    environment = os.environ if environment is None else environment
    given = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise BadSettings("some settings cannot be used", faults=_faults_of(error)) from None
    settings = settings.model_copy(update=_kept_secrets(settings))
    if settings.is_production:
        refuse_weak(settings)
    return settings


def refuse_weak(settings: Settings) -> None:
    """Production starts only with secrets of its own, strong ones, and without tools of a test."""
    faults = [_weakness(name, getattr(settings, name).get_secret_value()) for name in SECRETS]
    values = [getattr(settings, name).get_secret_value() for name in SECRETS]
    if len(set(values)) < len(values):
        faults.append(Fault(PREFIX + "SECRET_KEY", "weak", "the three keys must differ from each other"))
    if settings.failpoints:
        faults.append(Fault(PREFIX + "FAILPOINTS", "not_allowed", "failpoints are for tests only: unset it"))
    if settings.label_studio_url and urlsplit(settings.label_studio_url).scheme not in {"http", "https"}:
        faults.append(Fault(PREFIX + "LABEL_STUDIO_URL", "not_allowed", "must begin with https:// or http://"))
    found = [fault for fault in faults if fault]
    if found:
        raise BadSettings("production refuses to start with these settings", faults=found)


def make_secrets(home: Path) -> None:
    """Makes the secrets that are missing in HOME/secrets, each 0600; what is there stays as it is."""
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in SECRETS:
        keep_secret(folder / name, secrets.token_urlsafe(32))


def keep_secret(path: Path, value: str) -> str:
    """Writes a secret once and durably (0600); answers what the file holds, which a neighbour may have written first."""
    if path.is_file():  # without a draft: there may be no room for one
        return path.read_text().strip()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return path.read_text().strip()
    finally:
        draft.unlink()
    return value


def _kept_secrets(settings: Settings) -> dict[str, object]:
    """What HOME/secrets and HOME/run hold for settings that the environment leaves open (never in production)."""
    if settings.is_production:
        return {}
    kept: dict[str, object] = {}
    for name in (*SECRETS, "label_studio_token"):
        path = settings.secrets_folder / name
        if not getattr(settings, name).get_secret_value() and path.is_file():
            kept[name] = SecretStr(path.read_text().strip())
    for name in ("broker_url", "label_studio_url"):
        path = settings.home / "run" / name
        if not getattr(settings, name) and path.is_file():
            kept[name] = path.read_text().strip()
    return kept


def _weakness(name: str, value: str) -> Fault | None:
    variable = PREFIX + name.upper()
    if not value:
        return Fault(variable, "missing", "is required in production: set it to 32 or more random characters")
    if len(value) < MIN_SECRET_CHARS or len(set(value)) < MIN_DISTINCT_CHARS:
        return Fault(variable, "weak", "is too weak: use 32 or more random characters")
    return None


def _faults_of(error: ValidationError) -> list[Fault]:
    return [
        Fault(PREFIX + str(row["loc"][0]).upper(), "not_allowed", str(row["msg"]))
        for row in error.errors(include_input=False, include_url=False)
    ]
