"""What a lead says of somebody who answers: an alias to find them by, and a state that does what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from foundation.database import unit_of_work, utc_now
from foundation.errors import NotFound
from labeling.annotators import annotator_key, change_annotator, find_annotator
from labeling.queries import annotator_statistics, list_unanswerable
from tests.labeling.workshop import Workshop, mood

Open = Callable[..., Workshop]


def change(workshop: Workshop, named: str, **changes: str) -> None:
    with unit_of_work(workshop.database) as session:
        key = annotator_key(workshop.settings)
        change_annotator(session, workshop.project_id, named, changes, key=key, now=utc_now())


def alias_of(workshop: Workshop, named: str) -> str:
    with unit_of_work(workshop.database, read_only=True) as session:
        return find_annotator(session, workshop.project_id, named, key=annotator_key(workshop.settings)).alias


class TestState:
    @pytest.mark.parametrize("state", ["onboarding", "paused", "left"])
    def test_what_is_answered_in_it_is_kept_and_does_not_count_and_somebody_else_is_asked(
        self, open_workshop: Open, state: str
    ) -> None:
        workshop = open_workshop(n_items=2, overlap=1)
        workshop.sync()
        first, second = workshop.task_numbers()
        ann = workshop.person("ann")
        ann.answer(first, mood("good"))
        workshop.sync()
        change(workshop, ann.email, state=state)
        ann.answer(second, mood("bad"))

        workshop.sync()

        assert workshop.values() == ["good"]
        assert [row.why_not for row in workshop.rows()] == [None, f"annotator_{state}"]
        assert workshop.person("bob").next_task(workshop.ls_project) == second
        assert workshop.drift() == {}
        with unit_of_work(workshop.database, read_only=True) as session:
            (person,) = annotator_statistics(session, workshop.project_id)
        assert (person.annotations, person.ignored, person.state) == (1, 1, state)

    def test_it_is_the_state_at_the_time_of_the_answer_that_matters(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=3, overlap=1)
        workshop.sync()
        first, second, third = workshop.task_numbers()
        ann = workshop.person("ann")
        workshop.hand_in(workshop.items[:0], ann.email)
        ann.answer(first, mood("good"))
        workshop.sync()
        ann.answer(second, mood("good"))
        change(workshop, ann.email, state="paused")
        ann.answer(third, mood("bad"))
        change(workshop, ann.email, state="active")

        workshop.sync()

        assert workshop.values() == ["good", "good"]

    def test_a_change_made_in_it_leaves_the_answer_as_it_was(self, workshop: Workshop) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        annotation = ann.answer(workshop.task_numbers()[0], mood("good"))
        workshop.sync()
        change(workshop, ann.email, state="left")
        ann.edit(annotation, mood("bad"))

        workshop.sync()

        assert workshop.values() == ["good"]

    def test_a_skip_made_in_it_gives_up_no_item_and_takes_no_skip_back(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=2, overlap=1)
        workshop.sync()
        first, second = workshop.task_numbers()
        people = [workshop.person(name) for name in ("ann", "bob", "cem")]
        for person in people:
            person.skip(first)
        workshop.sync()
        for person in people:
            change(workshop, person.email, state="paused")
            person.answer(first)
            person.skip(second)

        workshop.sync()

        with unit_of_work(workshop.database, read_only=True) as session:
            (given_up,) = list_unanswerable(session, workshop.project_id)
        assert given_up == next(task.item_id for task in workshop.tasks() if task.ls_task == first)

    def test_labels_handed_in_count_whatever_the_state(self, workshop: Workshop) -> None:
        workshop.hand_in(workshop.items[:1], "kim@example.org")
        change(workshop, "kim@example.org", state="left")
        workshop.hand_in(workshop.items[1:2], "kim@example.org")

        assert len(workshop.counted()) == 2


class TestFinding:
    def test_an_address_or_a_name_leads_to_the_alias_whatever_its_case(self, workshop: Workshop) -> None:
        workshop.hand_in(workshop.items[:1], "Kim@Example.org", "sam")
        change(workshop, "kim@example.org", alias="Kim")
        change(workshop, "sam", alias="S. B.")

        assert alias_of(workshop, "KIM@example.org") == "Kim"
        assert [alias_of(workshop, named) for named in ("sam", "S. B.", "2")] == ["S. B."] * 3
        for nobody in ("lee@example.org", "annotator-1", "3"):
            with pytest.raises(NotFound):
                alias_of(workshop, nobody)

    def test_who_answers_in_label_studio_is_found_by_the_accounts_address(self, workshop: Workshop) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        ann.answer(workshop.task_numbers()[0])
        workshop.sync()

        assert alias_of(workshop, ann.email) == "annotator-1"
