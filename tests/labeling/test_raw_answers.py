"""Answers to controls that are not measured: kept as they were given, counted for the overlap, taken back like others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.labeling.workshop import CONFIG, Workshop, mood

Open = Callable[..., Workshop]
WITH_REASONS = CONFIG.replace("</View>", '<TextArea name="why" toName="t"/></View>')
ONLY_REASONS = '<View><Text name="t" value="$text"/><TextArea name="why" toName="t"/></View>'


def why(*texts: str) -> dict[str, Any]:
    return {"from_name": "why", "to_name": "t", "type": "textarea", "value": {"text": list(texts)}}


def raw(workshop: Workshop, upto_seq: int | None = None) -> list[Any]:
    return [one.value for one in workshop.counted("why", upto_seq)]


def test_what_is_said_beside_a_measured_answer_is_kept_as_it_was_given(workshop: Workshop) -> None:
    workshop.revise(config=WITH_REASONS)
    workshop.sync()
    number = workshop.task_numbers()[0]
    workshop.person("ann").answer(number, mood("good"), why("short"), why("and kind"))
    workshop.person("bob").answer(number, mood("good"))

    workshop.sync()

    assert raw(workshop) == [[why("short"), why("and kind")]]
    assert workshop.values() == ["good", "good"]


def test_a_configuration_that_measures_nothing_asks_as_many_people_as_wanted_and_no_more(open_workshop: Open) -> None:
    workshop = open_workshop(n_items=1, overlap=2)
    workshop.revise(config=ONLY_REASONS)
    workshop.sync()
    (number,) = workshop.task_numbers()
    for name in ("ann", "bob"):
        workshop.person(name).answer(number, why(name))

    workshop.sync()

    assert raw(workshop) == [[why("ann")], [why("bob")]]
    assert [task.state for task in workshop.tasks()] == ["closed"]
    assert workshop.person("cem").next_task(workshop.ls_project) is None


def test_it_is_changed_and_taken_back_like_any_answer(open_workshop: Open) -> None:
    workshop = open_workshop(n_items=1, overlap=2)
    workshop.revise(config=ONLY_REASONS)
    workshop.sync()
    ann, (number,) = workshop.person("ann"), workshop.task_numbers()
    annotation = ann.answer(number, why("first"))
    workshop.sync()
    ann.edit(annotation, why("second"))
    workshop.sync()
    frozen = workshop.rows()[-1].seq
    assert (raw(workshop), raw(workshop, 1)) == ([[why("second")]], [[why("first")]])
    ann.delete(annotation)
    workshop.sync()

    assert (raw(workshop), raw(workshop, frozen)) == ([], [[why("second")]])


def test_a_result_with_a_fault_says_nothing_at_all(workshop: Workshop) -> None:
    workshop.revise(config=WITH_REASONS)
    workshop.sync()
    workshop.person("ann").answer(workshop.task_numbers()[0], mood("meh"), why("since"))

    workshop.sync()

    assert (raw(workshop), workshop.values()) == ([], [])
