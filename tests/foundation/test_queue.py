"""Wake-ups: what cannot be sent is let go at once, since the row in the database is the order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foundation.parts import LOOPBACK, free_port
from tests.architecture.sources import ROOT

ANNOUNCE = """
import time
from wsgi import worker
worker().loader.import_default_modules()
from foundation.queue import announce, celery_app
celery_app.conf.broker_url
begun = time.monotonic()
announce("erasure")
print(time.monotonic() - begun)
"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_nobody_waits_for_a_broker_that_is_gone(tmp_path: Path, scheme: str) -> None:
    """Who asks for an erasure is answered after this: a client's own sleeps would be two seconds a listener."""
    environment = {"WINNOW_HOME": str(tmp_path), "WINNOW_BROKER_URL": f"{scheme}://{LOOPBACK}:{free_port()}//"}

    done = subprocess.run(
        [sys.executable, "-c", ANNOUNCE], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert float(done.stdout.splitlines()[-1]) < 1.5
    assert done.stdout.count("wake_up_not_sent") + done.stderr.count("wake_up_not_sent") == 1
