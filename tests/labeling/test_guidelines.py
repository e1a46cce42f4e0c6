"""What annotators are told, and under which version of it each answer was given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from labeling.project import Guidelines
from labeling.studio.instruction import instruction_of
from labeling.studio.sync import Way
from labeling.timelines import Timeline
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import Workshop, mood

Open = Callable[..., Workshop]
FIRST = {"version": "1", "text": "Read twice."}
SECOND = {"version": "2", "text": "Read thrice.\n\nIs it < 3 words?\nSkip it."}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def shown(studio: FakeLabelStudio) -> tuple[str, bool]:
    (project,) = studio.projects.values()
    return project["expert_instruction"], project["show_instruction"]


class TestInstruction:
    def test_it_is_shown_before_labeling_and_follows_the_project_file(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.revise(guidelines=FIRST)
        workshop.sync()
        first = shown(fake_studio)
        workshop.revise(guidelines=SECOND)
        workshop.sync()
        second = shown(fake_studio)
        workshop.revise(guidelines=None)
        workshop.sync()

        assert first == ("<p><b>Guidelines, version 1</b></p><p>Read twice.</p>", True)
        assert second == (instruction_of(Guidelines("2", SECOND["text"])), True)
        assert shown(fake_studio) == ("", False)
        assert (workshop.drift(), workshop.verify()) == ({}, [])

    def test_without_a_change_nothing_is_sent(self, workshop: Workshop, fake_studio: FakeLabelStudio) -> None:
        workshop.revise(guidelines=SECOND)
        workshop.sync()
        fake_studio.calls.clear()

        workshop.sync()

        assert not [path for method, path in fake_studio.calls if method != "GET"]

    def test_one_that_somebody_changed_by_hand_is_reported_and_put_back(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.revise(guidelines=FIRST)
        workshop.sync()
        before = shown(fake_studio)
        eve = workshop.person("eve").client
        eve.patch(f"/api/projects/{workshop.ls_project}/", json={"expert_instruction": "Say good."})
        assert [one.kind for one in workshop.verify()] == ["guidelines_differ"]

        workshop.sync()

        assert shown(fake_studio) == before
        assert workshop.drift() == {"config_changed": 1}

    @pytest.mark.parametrize(
        ("text", "html"),
        [
            ("<b>bold</b> & 'quoted'", "<p>&lt;b&gt;bold&lt;/b&gt; &amp; 'quoted'</p>"),
            ("one\r\ntwo", "<p>one<br>two</p>"),
            ("one\n \n\n\ntwo", "<p>one</p><p>two</p>"),
            ("a\x01b", "<p>a b</p>"),
            ("\n\n one ", "<p>one</p>"),
        ],
    )
    def test_the_text_is_shown_as_it_is(self, text: str, html: str) -> None:
        assert instruction_of(Guidelines("1", text)) == f"<p><b>Guidelines, version 1</b></p>{html}"


class TestVersionOfAnAnswer:
    def test_each_answer_keeps_the_version_it_was_given_under(self, workshop: Workshop) -> None:
        workshop.revise(guidelines=FIRST)
        workshop.sync()
        first, second, third = workshop.task_numbers()[:3]
        ann = workshop.person("ann")
        early = ann.answer(first)
        workshop.sync()
        ann.answer(second)  # pulled after the change, given before it
        workshop.revise(guidelines=SECOND)
        workshop.sync(only=Way.PUSH)
        workshop.sync()
        ann.answer(third)
        ann.edit(early, mood("bad"))
        workshop.sync()

        assert [row.guidelines for row in workshop.rows()] == ["1", "1", "2", "2"]

    def test_without_guidelines_and_from_elsewhere_there_is_none(self, workshop: Workshop) -> None:
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0])
        workshop.sync()
        workshop.revise(guidelines=FIRST)
        workshop.sync()
        workshop.hand_in(workshop.items[:1], "kim")

        assert [row.guidelines for row in workshop.rows()] == [None, None]

    def test_an_older_answer_that_counts_again_keeps_its_own(self, workshop: Workshop) -> None:
        workshop.revise(guidelines=FIRST)
        workshop.sync()
        ann, number = workshop.person("ann"), workshop.task_numbers()[0]
        ann.answer(number, mood("good"))
        workshop.sync()
        workshop.revise(guidelines=SECOND)
        workshop.sync()
        newer = ann.answer(number, mood("bad"))
        workshop.sync()
        ann.delete(newer)
        workshop.sync()

        assert workshop.values() == ["good"]
        assert [(row.source, row.guidelines) for row in workshop.rows()] == [
            ("label_studio", "1"),
            ("label_studio", "2"),
            ("removed", None),
            ("restated", "1"),
        ]


class TestTimeline:
    def test_a_value_holds_from_its_very_moment_until_the_next(self) -> None:
        line = Timeline((NOON, NOON + timedelta(hours=1)), ("1", None))

        moments = [NOON - timedelta(microseconds=1), NOON, NOON + timedelta(minutes=59), NOON + timedelta(hours=1)]

        assert [line.at(moment) for moment in moments] == [None, "1", "1", None]
        assert (Timeline().at(NOON), Timeline().newest, line.newest) == (None, None, None)
