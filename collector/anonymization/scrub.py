"""Text in, text and spans out: structured personal data found in one pass over a batch, checked, and replaced."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from collector.anonymization.candidates import find_personal
from collector.anonymization.patterns import PLACEHOLDERS
from collector.anonymization.shadow import hides_something, shadow_of, visible_part
from collector.anonymization.surroundings import Find

# No candidate holds it and no context crosses it, so a text is read the same alone and in a batch.
_BETWEEN_TEXTS = "\0"


@dataclass(frozen=True, slots=True)
class Entity:
    """One find: its type, its half-open span in code points of the input, and how sure it is, in (0, 1]."""

    type: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A text with `<TYPE>` in place of each entity, and the entities, in order and without overlap."""

    text: str
    entities: tuple[Entity, ...]


def scrub_text(text: str) -> Scrubbed:
    """Finds and replaces structured personal data in one text.

    >>> scrub_text("mail joe@example.com").text
    'mail <EMAIL_ADDRESS>'
    """
    return scrub_texts((text,))[0]


def scrub_texts(texts: Sequence[str]) -> list[Scrubbed]:
    """Finds and replaces structured personal data in a batch: one pass for all texts, checks for what it hits.

    Line breaks within a text part candidates as those between texts do. Scrubbing the result again changes nothing.
    Thread-safe. Linear in the length of the texts.
    """
    results = [Scrubbed(text, ()) for text in texts]
    shadow = shadow_of(_BETWEEN_TEXTS.join(texts))
    finds = find_personal(shadow)
    if finds:
        _place(finds, shadow, texts, results)
    if b"\x7f" in shadow:
        for place, text in enumerate(texts):
            if not text.isascii() or "\x7f" in text:
                results[place] = _scrub_hidden(text, results[place])
    return results


def _place(finds: list[Find], shadow: bytes, texts: Sequence[str], results: list[Scrubbed]) -> None:
    """Hands each find to its text, in the text's own offsets."""
    starts = [0, *accumulate(len(text) + 1 for text in texts)]
    found: dict[int, list[Find]] = {}
    for find in finds:
        found.setdefault(bisect_right(starts, find[0]) - 1, []).append(find)
    for place, own in found.items():
        offset = starts[place]
        entities = tuple([Entity(kind, start - offset, end - offset, score) for start, end, kind, score in own])
        results[place] = _settled(_redacted(texts[place], entities), own, shadow)


def _redacted(text: str, entities: tuple[Entity, ...]) -> Scrubbed:
    pieces: list[str] = []
    done = 0
    for entity in entities:
        pieces += (text[done : entity.start], PLACEHOLDERS[entity.type])
        done = entity.end
    pieces.append(text[done:])
    return Scrubbed("".join(pieces), entities)


# Next to these a placeholder reads as the find did, so that no second look is needed.
_CALM_BEFORE = frozenset(b"\0 \n\r\t,;:!?\"'(")
_CALM_AFTER = frozenset(b"\0 \n\r\t,;:!?\"').")


def _settled(scrubbed: Scrubbed, own: Iterable[Find], shadow: bytes) -> Scrubbed:
    """Looks again at a text in which a find touched its neighbours: alone, they may be a candidate they were not before."""
    for start, end, _, _ in own:
        if (start and shadow[start - 1] not in _CALM_BEFORE) or (end < len(shadow) and shadow[end] not in _CALM_AFTER):
            again = scrub_text(scrubbed.text)
            return _merged(scrubbed, again) if again.entities else scrubbed
    return scrubbed


def _merged(first: Scrubbed, second: Scrubbed) -> Scrubbed:
    """One result from two rounds, the second's offsets led back to the input of the first."""
    shifts: list[tuple[int, int]] = [(0, 0)]
    for entity in first.entities:
        grown = shifts[-1][1] + len(PLACEHOLDERS[entity.type]) - (entity.end - entity.start)
        shifts.append((entity.end + grown, grown))
    ends = [end for end, _ in shifts]
    late = tuple(
        Entity(found.type, found.start - shift, found.end - shift, found.score)
        for found in second.entities
        for shift in (shifts[bisect_right(ends, found.start) - 1][1],)
    )
    return Scrubbed(second.text, tuple(sorted(first.entities + late, key=lambda entity: entity.start)))


def _scrub_hidden(text: str, as_seen: Scrubbed) -> Scrubbed:
    """The same text without its invisible characters, scrubbed, and the spans led back to where they stood."""
    if not hides_something(shadow_of(text)):
        return as_seen
    visible, places = visible_part(text)
    found = scrub_text(visible).entities
    return _redacted(
        text, tuple(Entity(each.type, places[each.start], places[each.end - 1] + 1, each.score) for each in found)
    )
