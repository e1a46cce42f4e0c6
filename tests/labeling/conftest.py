"""A Label Studio in memory and projects in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from foundation.database import Database
from foundation.settings import Settings
from labeling.studio.gateway import LabelStudio
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import Workshop, make_workshop


@pytest.fixture(scope="session", autouse=True)
def silent_broker(clean_environment: None) -> None:
    """Messages go to memory: without settings the queue would look for a broker on this machine, and wait."""
    from wsgi import worker

    worker()


@pytest.fixture
def fake_studio() -> FakeLabelStudio:
    return FakeLabelStudio()


@pytest.fixture
def fake_gateway(fake_studio: FakeLabelStudio) -> Iterator[LabelStudio]:
    """The door to it; nothing waits between two tries."""
    transport = fake_studio.transport
    with LabelStudio("http://studio.test", fake_studio.admin_token, transport=transport, sleep=lambda _: None) as door:
        yield door


@pytest.fixture
def open_workshop(
    database: Database, settings: Settings, fake_studio: FakeLabelStudio, fake_gateway: LabelStudio
) -> Iterator[Callable[..., Workshop]]:
    made: list[Workshop] = []

    def make(**wishes: object) -> Workshop:
        made.append(make_workshop(database, settings, fake_studio, fake_gateway, **wishes))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for workshop in made:
        workshop.close()


@pytest.fixture
def workshop(open_workshop: Callable[..., Workshop]) -> Workshop:
    """Five items, two annotators each."""
    return open_workshop()
