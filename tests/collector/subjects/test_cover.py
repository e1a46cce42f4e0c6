"""The rule of consent against a plainer reading of it, and its SQL against its Python."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlmodel import Session, col, select

from collector.intake.event_time import TimeQuality
from collector.models import Item, Signal, Subject
from collector.project_file import Privacy
from collector.queries import live_signal_passes, usable_items
from collector.subjects.cover import GRACE, Cover, Given, Recorded, cover_of, fault_of_terms, line_of, moment_of
from foundation.database import Database, unit_of_work
from tests.signals import Held

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
REQUIRED = Privacy(consent_required=True, purposes=("training",), accept_notices=("1", "2"))
NOT_ASKED = Privacy(consent_required=False)

# Few moments, so that many of them meet; a minute is below the grace, an hour above it.
moments = st.sampled_from(
    [NOON + timedelta(minutes=m) for m in (-180, -120, -60, -6, -4, -1, 0, 1, 4, 6, 60, 120, 180)]
)
consents = st.builds(
    Given,
    st.booleans(),
    st.sampled_from([("training",), ("training", "other"), ()]),
    st.sampled_from(["1", "2", "3"]),
    moments,
)
records = st.lists(st.builds(Recorded, consents, moments), max_size=6).map(
    lambda made: sorted(made, key=lambda record: record.received_at)
)
privacies = st.sampled_from([REQUIRED, NOT_ASKED])


def naive(
    recorded: Sequence[Recorded], privacy: Privacy, *, erased_at: datetime | None, captured: datetime, now: datetime
) -> bool:
    """Whether a signal may be used, said signal by signal: `captured` is its capture, clipped to its receipt."""
    known = [one for one in recorded if erased_at is None or one.received_at > erased_at]
    withdrawn = [place for place, one in enumerate(known) if not one.given.granted]
    closed_at = max([known[place].at for place in withdrawn] + ([erased_at] if erased_at else []), default=None)
    since = known[withdrawn[-1] + 1 :] if withdrawn else known
    agreed = [one for one in since if closed_at is None or one.at > closed_at]
    assert all(one.at <= now for one in agreed)
    if closed_at is None and not privacy.consent_required:
        return True
    if erased_at is not None and captured <= erased_at:
        return False
    by_then = [one for one in agreed if one.at <= captured + GRACE]
    if not by_then:
        return False
    held = max(by_then, key=lambda one: (one.at, agreed.index(one)))
    binding = [one for one in agreed if one.at > held.at or one is held]
    binding += [one for one in agreed if one.at == held.at and agreed.index(one) > agreed.index(held)]
    return not privacy.consent_required or all(_is_sufficient(one.given) for one in binding)


def _is_sufficient(given_: Given) -> bool:
    return given_.granted and "training" in given_.purposes and given_.notice in {"1", "2"}


class TestTheRule:
    @given(records, privacies, st.none() | moments, moments)
    def test_it_is_what_a_plain_reading_says(
        self, recorded: list[Recorded], privacy: Privacy, erased_at: datetime | None, captured: datetime
    ) -> None:
        cover = cover_of(line_of(recorded, erased_at=erased_at), privacy, erased_at=erased_at)

        expected = naive(recorded, privacy, erased_at=erased_at, captured=captured, now=NOON + timedelta(hours=3))
        assert cover.holds_for(captured) is expected

    @given(records, moments)
    def test_what_the_newest_consent_covers_by_itself_passes(
        self, recorded: list[Recorded], captured: datetime
    ) -> None:
        """The contract's sentence: granted, sufficient, given no later than the capture."""
        line = line_of(recorded, erased_at=None)
        newest = line.newest
        is_enough = newest is not None and _is_sufficient(newest.given) and newest.at <= captured + GRACE

        assert not is_enough or cover_of(line, REQUIRED, erased_at=None).holds_for(captured)

    @given(records, consents, moments)
    def test_a_later_consent_never_adds_to_what_was_captured_before_it(
        self, recorded: list[Recorded], later: Given, captured: datetime
    ) -> None:
        after = Recorded(replace(later, given_at=NOON + timedelta(hours=4)), NOON + timedelta(hours=4))
        before = cover_of(line_of(recorded, erased_at=None), REQUIRED, erased_at=None)
        now = cover_of(line_of([*recorded, after], erased_at=None), REQUIRED, erased_at=None)

        assert before.holds_for(captured) or not now.holds_for(captured)

    @given(records, moments)
    def test_nothing_outlives_a_withdrawal(self, recorded: list[Recorded], stamped: datetime) -> None:
        withdrawal = Recorded(Given(False, (), "", stamped), NOON + timedelta(hours=3))

        for privacy in (REQUIRED, NOT_ASKED):
            cover = cover_of(line_of([*recorded, withdrawal], erased_at=None), privacy, erased_at=None)
            assert not cover.passes


signals = st.tuples(moments, moments, st.sampled_from(TimeQuality))
covers = st.builds(Cover, st.booleans(), st.none() | moments | moments.map(lambda at: at + timedelta(microseconds=1)))


class TestTheSameInSql:
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(covers, signals), min_size=1, max_size=40))
    def test_a_signal_passes_in_sql_when_it_does_in_python(
        self, database: Database, project: Held, made: list[tuple[Cover, tuple[datetime, datetime, TimeQuality]]]
    ) -> None:
        with unit_of_work(database) as session:
            _put(session, project.id, made)

            rows = session.exec(select(Signal.id).where(col(Signal.project_id) == project.id, live_signal_passes()))
            passing = set(rows)
            usable = set(session.connection().execute(usable_items(project.id)).scalars())

        expected = {
            uuid.UUID(int=place)
            for place, (cover, (captured, received, quality)) in enumerate(made, start=1)
            if cover.holds_for(moment_of(captured, received, is_believed=quality is not TimeQuality.IMPLAUSIBLE))
        }
        assert passing == usable == expected


def _put(session: Session, project_id: int, made: list[tuple[Cover, tuple[datetime, datetime, TimeQuality]]]) -> None:
    for table in (Signal, Item, Subject):
        session.connection().execute(delete(table))
    for place, (cover, (captured, received, quality)) in enumerate(made, start=1):
        known = uuid.UUID(int=place)
        session.add(Subject(project_id=project_id, id=known, passes=cover.passes, passes_from=cover.since))
        session.add(Item(project_id=project_id, id=known, content={}, revision=1, scrub_hash="x", created_at=NOON))
        session.add(
            Signal(
                project_id=project_id,
                id=known,
                source_hmac=bytes(16),
                subject_id=known,
                item_id=known,
                key_id=uuid.UUID(int=1),
                revision=1,
                captured_at=captured,
                received_at=received,
                event_time=captured,
                time_quality=quality.value,
                context={},
                extra={},
            )
        )
    session.flush()


class TestAtTheErasure:
    def test_what_was_captured_in_its_very_moment_stays_out_and_the_next_microsecond_is_covered(self) -> None:
        """Though the consent given since, with its grace, would reach further back."""
        again = Recorded(Given(True, ("training",), "1", NOON + timedelta(minutes=1)), NOON + timedelta(minutes=1))

        cover = cover_of(line_of([again], erased_at=NOON), REQUIRED, erased_at=NOON)

        assert [cover.holds_for(NOON + timedelta(microseconds=n)) for n in (-1, 0, 1)] == [False, False, True]


class TestTerms:
    def test_what_is_wrong_is_said_and_a_withdrawal_meets_no_terms(self) -> None:
        meets = Given(True, ("training", "other"), "2", NOON)
        others = [replace(meets, granted=False), replace(meets, purposes=("other",)), replace(meets, notice="3")]

        assert fault_of_terms(meets, REQUIRED) is None
        assert [fault_of_terms(one, REQUIRED) for one in others] == [
            "consent was withdrawn",
            "the consent does not cover training",
            "the notice must be one of 1, 2",
        ]
