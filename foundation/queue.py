"""The Celery application: messages carry ids and only wake; the jobs table says what is to be done."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, worker_init, worker_process_init
from sqlalchemy import text
from sqlmodel import Session

from foundation import jobs
from foundation.database import Database, after_commit, open_database, refresh_statistics, unit_of_work, utc_now
from foundation.errors import DomainError, Unavailable
from foundation.failpoints import failpoint
from foundation.heartbeats import WORKER, beat, forget_silent
from foundation.leases import Again, AttemptFailed, LeaseLost, kept
from foundation.observability import configure_logging
from foundation.settings import Settings, load_settings

log = structlog.get_logger(__name__)
QUEUE = "winnow"
PUBLISH_TIMEOUT_S = 1.0
WAKE_UP_LIFE_S = 60
"""A wake-up is forgotten after a while, since the sweep sends new ones: a busy worker's queue must not fill with them."""
SWEEP = "foundation.sweep"
JOBS_KEPT = timedelta(days=7)
ROWS_THAT_COUNT = 1_000
BEAT_EVERY_S = 8.0
LONGEST_AT_ONE_THING_S = 3600.0
OUTAGES_TOLD = 3
"""So often a command tries a job that needs a part that is away; a worker goes on."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a worker process has: its settings and its database, and from the roof what reads the sections of a project file."""

    settings: Settings
    database: Database
    sections: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """One leased job, as its function sees it."""

    runtime: Runtime
    job_id: uuid.UUID
    holder: uuid.UUID
    project_id: int | None
    args: dict[str, Any]

    def progress(self, done: int, total: int | None = None) -> None:
        """Notes how far the job is and keeps its lease."""
        _renew(self, **({"done": done} if total is None else {"done": done, "total": total}))


JobFunction = Callable[[Work], Any]
_JOBS: dict[str, JobFunction] = {}
_PERIODIC: dict[str, Callable[[Settings], float]] = {}
_LISTENERS: dict[str, list[str]] = {}
_IS_WORKER: list[bool] = []
"""Not empty in a worker and in the processes that it forks."""
_SECTIONS: list[Callable[[], tuple[Any, ...]]] = []

celery_app = Celery("winnow")


@lru_cache(maxsize=1)
def runtime() -> Runtime:
    """Opened at the first task of a process, never at import."""
    settings = load_settings()
    return Runtime(settings, open_database(settings.database, pool_size=4), _SECTIONS[-1]() if _SECTIONS else ())


@worker_process_init.connect
def _fresh_connections(**_: Any) -> None:
    """A forked child must not share its parent's connections."""
    runtime.cache_clear()


@worker_init.connect
def _note_worker(**_: Any) -> None:
    _IS_WORKER.append(True)


@setup_logging.connect
def _log_as_everywhere(**_: Any) -> None:
    configure_logging(load_settings().log_level)


def compose(modules: Iterable[str], *, check: Callable[[], object], sections: Callable[[], tuple[Any, ...]]) -> Celery:
    """The application with the task modules of all domains; importing it starts and reads nothing.

    Args:
        check: raises where what they declare does not fit together; called before anything starts.
        sections: gives what reads the sections of a project file, when the first task runs.
    """
    _SECTIONS[:] = [sections]
    celery_app.conf.include = list(modules)
    celery_app.add_defaults(lambda: _configuration(check))
    return celery_app


def _configuration(check: Callable[[], object]) -> dict[str, Any]:
    settings = load_settings()
    celery_app.loader.import_default_modules()
    check()
    return {
        "broker_url": settings.broker_url or "memory://",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": PUBLISH_TIMEOUT_S,
        "broker_transport_options": _transport_options(settings.broker_url),
        "task_default_queue": QUEUE,
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 1000,
        "timezone": "UTC",
        "beat_schedule": {
            SWEEP: {"task": SWEEP, "schedule": settings.sweep_every_s, "options": {"expires": settings.sweep_every_s}},
            **{
                name: {"task": name, "schedule": every_s(settings), "options": {"expires": every_s(settings)}}
                for name, every_s in _PERIODIC.items()
            },
        },
    }


def _transport_options(broker_url: str) -> dict[str, float]:
    """How long a client may try; without `max_retries` it sleeps for two seconds before it gives a message up."""
    tries: dict[str, float] = {"max_retries": 1, "interval_start": 0}
    if not broker_url.startswith("redis"):  # another broker's client would refuse the other names
        return tries
    return {**tries, "socket_connect_timeout": PUBLISH_TIMEOUT_S, "socket_timeout": 5.0}


def job(kind: str) -> Callable[[JobFunction], JobFunction]:
    """Names the function that does the jobs of a kind, `<domain>.<verb>`; repeated, it must change nothing."""

    def register(function: JobFunction) -> JobFunction:
        _JOBS[kind] = function
        celery_app.task(name=kind)(run_job)
        return function

    return register


def periodic(
    name: str, *, every_s: Callable[[Settings], float], on: str | None = None
) -> Callable[[Callable[[Runtime], object]], Callable[[Runtime], object]]:
    """Names a function that runs every so often and finds its work by state; `on` also wakes it at an announcement."""

    def register(function: Callable[[Runtime], object]) -> Callable[[Runtime], object]:
        _PERIODIC[name] = every_s
        if on:
            _LISTENERS.setdefault(on, []).append(name)

        def run() -> None:
            _run_periodic(name, function)

        celery_app.task(name=name)(run)
        return function

    return register


def _run_periodic(name: str, function: Callable[[Runtime], object]) -> None:
    try:
        with _giving_signs(runtime()):
            function(runtime())
    except Unavailable as error:
        log.warning("periodic_waits", task=name, why=error.detail)


def wake(kind: str, job_id: uuid.UUID) -> None:
    """Sends the wake-up of a job; when the broker is away, the sweep will find the job."""
    _publish(kind, [str(job_id)])


def announce(subject: str) -> None:
    """Wakes every floor that listens: an effect goes up as a row, and this only says that there is one."""
    for name in _LISTENERS.get(subject, ()):
        if not _publish(name, []):
            return  # whoever waits for our answer shall not wait for a dead broker once a listener


def _publish(name: str, arguments: list[str]) -> bool:
    """Whether a wake-up was sent. Where none can be, the sweep finds the row a little later."""
    try:
        celery_app.send_task(name, arguments, retry=False, ignore_result=True, expires=WAKE_UP_LIFE_S)
    except Exception as error:  # noqa: BLE001 - whatever a broker client raises, the row in the database is enough
        log.warning("wake_up_not_sent", task=name, why=type(error).__name__)
        return False
    return True


@celery_app.task(name=SWEEP)
def sweep() -> None:
    """Wakes the jobs whose message may be lost; that it runs shows that a worker does."""
    _beat(runtime())
    with suppress(Unavailable), unit_of_work(runtime().database, read_only=True) as session:
        for job_id, kind in jobs.sweep(session):
            wake(kind, job_id)


@contextmanager
def _giving_signs(here: Runtime) -> Iterator[None]:
    """Lets this process beat while it does one thing for long: work is no silence, and the sweep may wait behind it.

    A process that is stopped, or whose work lets no other thread run, gives no sign and is seen; so is one that takes
    longer for a single thing than anything should.
    """
    stop = threading.Event()
    if not _IS_WORKER:  # a command that does a job itself is no worker
        yield
        return

    def give() -> None:
        ends_at = time.monotonic() + LONGEST_AT_ONE_THING_S
        while not stop.wait(BEAT_EVERY_S) and time.monotonic() < ends_at:
            _beat(here)

    threading.Thread(target=give, daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _beat(here: Runtime) -> None:
    with suppress(Unavailable), unit_of_work(here.database) as session:
        beat(session, WORKER)


@periodic("foundation.forget_jobs", every_s=lambda _: 3600.0)
def forget_jobs(here: Runtime) -> None:
    """Ended jobs stay for a week: long enough for whoever asked to read how it went."""
    with unit_of_work(here.database) as session:
        jobs.forget_ended(session, before=utc_now() - JOBS_KEPT)
        forget_silent(session)


@periodic("foundation.refresh_statistics", every_s=lambda _: 60.0)
def refresh_planner(here: Runtime) -> None:
    """Keeps PostgreSQL's plans fit for projects that have just grown."""
    if not here.database.is_postgresql:
        return
    with unit_of_work(here.database, read_only=True) as session:
        grown = session.connection().execute(
            text("SELECT relname FROM pg_stat_user_tables WHERE n_mod_since_analyze > :rows"), {"rows": ROWS_THAT_COUNT}
        )
        tables = [row[0] for row in grown]
    refresh_statistics(here.database, tables)


def run_job(job_id: str) -> None:
    """Claims a job, keeps its lease while its function works, and writes how it ended."""
    here, holder = runtime(), uuid.uuid4()
    with unit_of_work(here.database) as session:
        leased = jobs.claim(session, uuid.UUID(job_id), holder=holder, lease_s=here.settings.lease_s)
    if leased is None:
        return
    failpoint("jobs.after_claim")
    said = {"job": job_id, "kind": leased.kind, "request_id": leased.request_id}
    with structlog.contextvars.bound_contextvars(**said), _giving_signs(here):
        _attempt(Work(here, leased.id, holder, leased.project_id, leased.args), _JOBS[leased.kind])


def _attempt(work: Work, function: JobFunction) -> None:
    with kept(lambda: _renew(work), lease_s=work.runtime.settings.lease_s):
        try:
            _finish(work, function(work))
        except LeaseLost:
            log.warning("lease_lost")
        except AttemptFailed as error:
            _end_badly(work, str(error), again=Again.STRIKE)
        except DomainError as error:
            _end_badly(work, error.detail, again=Again.OUTAGE if isinstance(error, Unavailable) else Again.NEVER)
        except Exception as error:  # the last stop: the row must say that the attempt failed
            log.error("job_failed", exc_info=True)
            _end_badly(work, f"unexpected {type(error).__name__}", again=Again.STRIKE)


def _renew(work: Work, **progress: int) -> None:
    with unit_of_work(work.runtime.database) as session:
        jobs.renew(session, work.job_id, holder=work.holder, lease_s=work.runtime.settings.lease_s, **progress)


def _finish(work: Work, result: Any) -> None:
    failpoint("jobs.before_finish")
    with unit_of_work(work.runtime.database) as session:
        jobs.finish(session, work.job_id, holder=work.holder, now=utc_now(), result=result)


def _end_badly(work: Work, why: str, *, again: Again) -> None:
    """Notes it; where the database is away, too, the lease runs out and somebody else begins again."""
    with suppress(LeaseLost, Unavailable), unit_of_work(work.runtime.database) as session:
        jobs.fail(session, work.job_id, holder=work.holder, now=utc_now(), error=why, again=again)


def enqueue_and_wake(session: Session, kind: str, **wishes: Any) -> uuid.UUID:
    """Writes a job in this transaction and sends its wake-up after the commit; the request's id follows into the worker."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    job_id = jobs.enqueue(session, kind, now=utc_now(), request_id=request_id, **wishes)
    after_commit(session, wake, kind, job_id)
    return job_id


def wait_until_done(database: Database, job_id: uuid.UUID, *, seconds: float) -> jobs.Job:
    """Runs a job here and now where no worker does it; for commands.

    Raises:
        Unavailable: it was not done in time, or a part that it needs is away.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run_job(str(job_id))
        with unit_of_work(database, read_only=True) as session:
            row = jobs.read_job(session, job_id)
        if row.state in {jobs.JobState.DONE, jobs.JobState.FAILED}:
            return row
        if row.attempt - row.strikes - row.deaths >= OUTAGES_TOLD and row.state == jobs.JobState.QUEUED:
            raise Unavailable(row.error or "a part that this job needs is away: try again")
        time.sleep(0.2)
    raise Unavailable("a worker holds this job and has not ended it in time: look again later")
