"""Starts Label Studio: installs it when it is missing, lays its migrated data folder out, then becomes its server.

`python -m foundation.label_studio_start FOLDER PORT`, with its secrets in the environment; without arguments it only
installs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from foundation.embedded import ROOT, label_studio_settings
from foundation.errors import UsageError
from foundation.parts import BELONGS_TO
from foundation.tether import tethered

REQUIREMENTS = ROOT / "requirements-label-studio.txt"
CACHE = ROOT / ".cache"
COMPLETE = ".complete"
SECRETS = ("SECRET_KEY", "LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_USER_TOKEN")
THREADS = 8
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")


def main(arguments: list[str], environment: Mapping[str, str]) -> None:
    venv = installed(environment)
    template = migrated_template(venv)
    if not arguments:
        return
    folder, port = Path(arguments[0]).absolute(), int(arguments[1])
    lay_out(folder, template=template)
    kept = {name: environment[name] for name in (*PASSED_ON, BELONGS_TO, *SECRETS) if name in environment}
    os.chdir(folder)
    os.execve(  # noqa: S606 - our own program, no shell
        venv / "bin" / "python",
        _server_command(venv, port),
        {**kept, **label_studio_settings(folder, port), "HOME": str(folder)},
    )


def installed(environment: Mapping[str, str]) -> Path:
    """The virtual environment with Label Studio; made when it is missing, unfinished or made from other requirements.

    One that WINNOW_LABEL_STUDIO_VENV names is taken as it is.
    """
    if named := environment.get("WINNOW_LABEL_STUDIO_VENV"):
        if not (Path(named) / "bin" / "gunicorn").exists():
            raise UsageError("WINNOW_LABEL_STUDIO_VENV names no virtual environment with label-studio and gunicorn")
        return Path(named).absolute()
    venv = ROOT / ".venv-label-studio"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    with _alone("label-studio"):
        if not _is_complete(venv, wanted):
            _say("Label Studio: installing it, once; this takes a minute or two")
            shutil.rmtree(venv, ignore_errors=True)
            _run([sys.executable, "-m", "venv", "--without-pip", str(venv)], environment)
            install = [sys.executable, "-m", "uv", "pip", "sync", "--quiet", "--python", str(venv / "bin" / "python")]
            _run([*install, str(REQUIREMENTS)], environment)
            _mark_complete(venv, wanted)
    return venv


def migrated_template(venv: Path) -> Path:
    """A data folder with an empty, migrated database: the migrations take minutes, a copy takes none."""
    template = CACHE / f"label-studio-{_version(venv)}"
    with _alone(template.name):
        if not _is_complete(template, "migrated"):
            _say("Label Studio: making an empty database, once; this takes a minute or two")
            shutil.rmtree(template, ignore_errors=True)
            template.mkdir(mode=0o700)
            settings = {**label_studio_settings(template, 0), "SECRET_KEY": "of-a-template", "HOME": str(template)}
            kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
            python = str(venv / "bin" / "python")
            _run([python, "-m", "foundation.label_studio_app"], {**kept, **settings, "PYTHONPATH": str(ROOT)})
            _mark_complete(template, "migrated")
    return template


def lay_out(folder: Path, *, template: Path) -> None:
    """Copies the template to where the data will live, unless there is some; a copy that was cut off starts again."""
    if folder.exists():
        return
    draft = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copytree(template, draft, ignore=shutil.ignore_patterns(COMPLETE))
    draft.chmod(0o700)
    draft.rename(folder)


def _server_command(venv: Path, port: int) -> list[str]:
    # One process, as several writers of one SQLite file fail; preloaded, so that a killed worker is back at once.
    return [
        *(str(venv / "bin" / "python"), "-m", "gunicorn", "foundation.label_studio_app:application"),
        *("--pythonpath", str(ROOT), "--bind", f"127.0.0.1:{port}", "--preload", "--no-control-socket"),
        *("--worker-class", "gthread", "--workers", "1", "--threads", str(THREADS)),
        *("--timeout", "300", "--graceful-timeout", "2", "--log-level", "warning"),
    ]


def _version(venv: Path) -> str:
    packages = [str(folder) for folder in venv.glob("lib/python*/site-packages")]
    return next(found.version for found in distributions(name="label-studio", path=packages))


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    subprocess.run(tethered(command, ending=signal.SIGKILL), env=dict(environment), check=True)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Waits until nobody else on this checkout does the same."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_complete(folder: Path, wanted: str) -> bool:
    marker = folder / COMPLETE
    return marker.is_file() and marker.read_text() == wanted


def _mark_complete(folder: Path, wanted: str) -> None:
    os.sync()
    (folder / COMPLETE).write_text(wanted)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
