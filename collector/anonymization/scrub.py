"""Text in, text and spans out: structured personal data found in one pass over a batch, checked, and replaced."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from collector.anonymization.candidates import find_personal
from collector.anonymization.patterns import PLACEHOLDERS
from collector.anonymization.shadow import hides_something, shadow_of, visible_part
from collector.anonymization.surroundings import Find

# No candidate holds it and no context crosses it, so a text is read the same alone and in a batch.
_BETWEEN_TEXTS = "\0"
# Next to these a placeholder reads as the find did; beside others the text is looked at again.
_CALM_BEFORE = frozenset({b"", *(bytes((byte,)) for byte in b"\0 \n\r\t,;:!?\"'(")})
_CALM_AFTER = frozenset({b"", *(bytes((byte,)) for byte in b"\0 \n\r\t,;:!?\"').")})


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
    shadow = shadow_of(_BETWEEN_TEXTS.join(texts))
    finds = find_personal(shadow)
    results = _placed(finds, shadow, texts) if finds else [Scrubbed(text, ()) for text in texts]
    if b"\x7f" in shadow:
        for place, text in enumerate(texts):
            if not text.isascii() or "\x7f" in text:
                results[place] = _scrub_hidden(text, results[place])
    return results


def _placed(finds: list[Find], shadow: bytes, texts: Sequence[str]) -> list[Scrubbed]:
    """Hands each find to its text, in the text's own offsets; the finds come in order."""
    results = []
    begin, upcoming, count = 0, 0, len(finds)
    for text in texts:
        end = begin + len(text)
        first = upcoming
        while upcoming < count and finds[upcoming][0] < end:
            upcoming += 1
        results.append(
            _redacted(text, finds[first:upcoming], begin, shadow) if upcoming > first else Scrubbed(text, ())
        )
        begin = end + 1
    return results


def _redacted(text: str, own: Sequence[Find], offset: int, shadow: bytes) -> Scrubbed:
    """The text without its own finds, which lie in a shadow where the text begins at an offset."""
    entities: list[Entity] = []
    pieces: list[str] = []
    done = 0
    calm = True
    for start, end, kind, score in own:
        calm = calm and shadow[start - 1 : start] in _CALM_BEFORE and shadow[end : end + 1] in _CALM_AFTER
        entities.append(Entity(kind, start - offset, end - offset, score))
        pieces += (text[done : start - offset], PLACEHOLDERS[kind])
        done = end - offset
    pieces.append(text[done:])
    scrubbed = Scrubbed("".join(pieces), tuple(entities))
    return scrubbed if calm else _settled(scrubbed)


def _settled(scrubbed: Scrubbed) -> Scrubbed:
    """Looks again at a text in which a find touched its neighbours: alone, they may be a candidate they were not before."""
    again = scrub_text(scrubbed.text)
    return _merged(scrubbed, again) if again.entities else scrubbed


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
    found = [
        (places[each.start], places[each.end - 1] + 1, each.type, each.score) for each in scrub_text(visible).entities
    ]
    return _redacted(text, found, 0, shadow_of(text))
