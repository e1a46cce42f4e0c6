"""Programs for crash tests, run as `python -m tests.crash.workers NAME ARGUMENT…` in a process that may be killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from foundation.queue import run_job, runtime
from tests.app import create_app


def post(key: str, project: str, body: str) -> int:
    """Sends a body to the application in this process; tells stdout once it is acknowledged."""
    application = create_app()
    answer = application.test_client().post(
        f"/v1/projects/{project}/signals",
        data=Path(body).read_bytes(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    sys.stdout.write(f"{answer.status_code}\n")
    sys.stdout.flush()
    return 0


def work(job_id: str) -> int:
    """Does one job as a worker would."""
    create_app()
    _import_tasks()
    run_job(job_id)
    return 0


def erase() -> int:
    """The collector's periodic part of an erasure."""
    from collector.tasks import erase as erase_all

    create_app()
    erase_all(runtime())
    return 0


def _import_tasks() -> None:
    import wsgi

    wsgi.worker().loader.import_default_modules()


PROGRAMS: dict[str, Callable[..., int]] = {"post": post, "work": work, "erase": erase}


def main(arguments: Sequence[str]) -> int:
    name, *rest = arguments
    return PROGRAMS[name](*rest)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
