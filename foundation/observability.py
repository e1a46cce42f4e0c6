"""JSON logs with a request id that follows the work into the worker, and the counters behind /metrics."""

from __future__ import annotations

import logging
import os
import sys
from typing import IO, Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from foundation.shared_memory import FOR_METRICS, MetricsOfAllProcesses

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "winnow_requests",
    "HTTP requests by route template, method and status",
    ["route", "method", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram("winnow_request_seconds", "Time to answer, by route template", ["route"], registry=REGISTRY)
SIGNALS = Counter("winnow_signals", "Signals by what became of them", ["status"], registry=REGISTRY)

DROPPED = Counter(
    "winnow_dropped_values",
    "Values that were not kept of stored signals, by where they stood and why",
    ["place", "reason"],
    registry=REGISTRY,
)


LINES_DROPPED = Counter(
    "winnow_dropped_log_lines",
    "Log lines that could not be written: the disk that the log lies on is full or gone",
    registry=REGISTRY,
)


def all_metrics() -> CollectorRegistry:
    """What is scraped: the metrics of this process, or, of several that share a folder, their sums."""
    if FOR_METRICS not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    registry.register(MetricsOfAllProcesses(REGISTRY.collect()))
    return registry


class LastingStream:
    """Writes to a stream and counts what that refuses: nothing fails because its line could not be written."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # full, gone, or closed
            LINES_DROPPED.inc()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            LINES_DROPPED.inc()


def configure_logging(level: str) -> None:
    """One JSON line an event, on stderr; the standard library's loggers included. A line that cannot be written is dropped."""
    stderr: Any = LastingStream(sys.stderr)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Only the places of a traceback: the text of an exception may hold what somebody typed.
        structlog.processors.ExceptionRenderer(_places),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=structlog.PrintLoggerFactory(stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def _places(exc_info: Any) -> str:
    kind, _, trace = exc_info
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{kind.__name__} at {' > '.join(places[-12:])}"
