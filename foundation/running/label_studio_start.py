"""Starts Label Studio: installs it when it is missing, lays its migrated data folder out, then becomes its server.

`python -m foundation.running.label_studio_start FOLDER PORT`, with its secrets in the environment; without arguments it only
installs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from foundation.errors import UsageError
from foundation.running.embedded import ROOT, label_studio_settings
from foundation.running.installing import install
from foundation.running.parts import BELONGS_TO
from foundation.running.tether import tethered

REQUIREMENTS = ROOT / "requirements-label-studio.txt"
VENV = ROOT / ".venv-label-studio"
CACHE = ROOT / ".cache"
COMPLETE = ".complete"
SECRETS = ("SECRET_KEY", "LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_USER_TOKEN")
THREADS = 8
STEPS_BETWEEN = 40
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")


def main(arguments: list[str], environment: Mapping[str, str]) -> None:
    is_there = is_installed()
    venv = installed(environment)
    template = migrated_template(venv)
    if not arguments:
        if is_there:
            _say(f"Label Studio {_version(venv)}: already there")
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
    with _alone("label-studio"):
        if not is_installed():
            _say("Label Studio: installing it in an environment of its own, once")
            shutil.rmtree(VENV, ignore_errors=True)
            _run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], environment)
            install("Label Studio", VENV / "bin" / "python", REQUIREMENTS, say=_say, environment=dict(environment))
            _mark_complete(VENV, _wanted())
    return VENV


def is_installed() -> bool:
    """Whether Label Studio lies in this checkout, whole and as the requirements say."""
    return _is_complete(VENV, _wanted())


def migrated_template(venv: Path) -> Path:
    """A data folder with an empty, migrated database: the migrations take minutes, a copy takes none."""
    template = CACHE / f"label-studio-{_version(venv)}"
    with _alone(template.name):
        if not _is_complete(template, "migrated"):
            shutil.rmtree(template, ignore_errors=True)
            settings = {**label_studio_settings(template, 0), "SECRET_KEY": "of-a-template", "HOME": str(template)}
            kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
            _migrate(venv, {**kept, **settings, "PYTHONPATH": str(ROOT)}, log=CACHE / f"{template.name}.log")
            _mark_complete(template, "migrated")
    return template


def _migrate(venv: Path, environment: Mapping[str, str], *, log: Path) -> None:
    """Makes the database and says how far it is; what Label Studio's libraries say besides is kept in `log`."""
    command = tethered(
        [str(venv / "bin" / "python"), "-m", "foundation.running.label_studio_app"], ending=signal.SIGKILL
    )
    with (
        log.open("w") as rest,
        subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE, stderr=rest, text=True) as running,
    ):
        for told in steps_done(running.stdout or ()):
            _say(f"Label Studio: making an empty database, once: {told}")
    if running.returncode:
        raise UsageError(f"Label Studio could not make its database; why, stands in {log}")


def steps_done(lines: Iterable[str]) -> Iterator[str]:
    """How far the migrations are, a few times.

    >>> list(steps_done(["2 steps", "Running migrations:", "  Applying a.0001... OK", "  Applying a.0002... OK"]))
    ['0 of 2 steps', '2 of 2 steps']
    """
    done = total = 0
    for line in lines:
        if found := re.fullmatch(r"(\d+) steps\n?", line):
            total = int(found[1])
            yield f"0 of {total} steps"
        elif line.rstrip().endswith(" OK"):
            done += 1
            if done == total or done % STEPS_BETWEEN == 0:
                yield f"{done} of {total} steps"


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
        *(str(venv / "bin" / "python"), "-m", "gunicorn", "foundation.running.label_studio_app:application"),
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


def _wanted() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


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
