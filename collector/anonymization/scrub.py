"""Text in, text and spans out: structured personal data found in one pass over a batch, checked, and replaced."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from collector.anonymization.candidates import find_personal
from collector.anonymization.patterns import EMAIL, REPLACEMENTS
from collector.anonymization.shadow import shadow_of
from collector.anonymization.surroundings import Find
from collector.anonymization.views import View, view_of

# No candidate holds it and no context crosses it, so a text is read the same alone and in a batch.
_BETWEEN_TEXTS = "\0"
# Invisible characters, and the marks of escapes, entities and percent-encoding.
_MAY_READ_OTHERWISE = (b"\x7f", b"\\", b"&", b"%")
# Next to these a placeholder reads as the find did; beside others the text is looked at again.
_BLANK = frozenset({b"", *(bytes((byte,)) for byte in b"\0 \n\r\t")})
_CALM_BEFORE = _BLANK | {b'"'}
_CALM_AFTER_BLANK = frozenset(bytes((byte,)) for byte in b",;!?'(")
_CALM_AFTER = _BLANK | frozenset(bytes((byte,)) for byte in b";!?\"'")
_CALM_AT_END = frozenset(bytes((byte,)) for byte in b".,:)")


class Entity(NamedTuple):
    """One find: its type, its half-open span in code points of the input, and how sure it is, in (0, 1].

    A tuple, as is `Scrubbed`: they are made by the million, and a frozen class costs three times as much.
    """

    type: str
    start: int
    end: int
    score: float


class Scrubbed(NamedTuple):
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
    return _until_calm(texts, _pass)


def _until_calm(
    texts: Sequence[str], look: Callable[[Sequence[str]], tuple[list[Scrubbed], list[int]]]
) -> list[Scrubbed]:
    results, restless = look(texts)
    while restless:
        again, still_restless = look([results[place].text for place in restless])
        for place, second in zip(restless, again, strict=True):
            if second.entities:
                results[place] = _merged(results[place], second)
        restless = [restless[place] for place in still_restless]
    return results


def _pass(texts: Sequence[str]) -> tuple[list[Scrubbed], list[int]]:
    """One look at each text, and the places of those that must be looked at again.

    Those are texts in which a find touched its neighbours, or that read otherwise than they stand: alone, what is left
    may be a candidate it was not before.
    """
    shadow, results, restless = _looked_at(texts)
    if not any(mark in shadow for mark in _MAY_READ_OTHERWISE):
        return results, restless
    views = {place: view for place, text in enumerate(texts) if (view := view_of(text))}
    for place, view in views.items():
        results[place] = _scrub_view(texts[place], view)
    restless = [place for place in restless if place not in views]
    restless += [place for place in views if results[place].entities]
    return results, restless


def _pass_as_they_stand(texts: Sequence[str]) -> tuple[list[Scrubbed], list[int]]:
    _, results, restless = _looked_at(texts)
    return results, restless


def _looked_at(texts: Sequence[str]) -> tuple[bytes, list[Scrubbed], list[int]]:
    joined = _BETWEEN_TEXTS.join(texts)
    shadow = shadow_of(joined)
    finds = find_personal(shadow, joined)
    restless: list[int] = []
    results = _placed(finds, shadow, texts, restless) if finds else [Scrubbed(text, ()) for text in texts]
    return shadow, results, restless


def _placed(finds: list[Find], shadow: bytes, texts: Sequence[str], restless: list[int]) -> list[Scrubbed]:
    """Hands each find to its text, in the text's own offsets; the finds come in order."""
    results = []
    begin, upcoming, count = 0, 0, len(finds)
    for place, text in enumerate(texts):
        end = begin + len(text)
        first = upcoming
        while upcoming < count and finds[upcoming][0] < end:
            if (not restless or restless[-1] != place) and not _is_calm(finds[upcoming], shadow):
                restless.append(place)
            upcoming += 1
        results.append(_redacted(text, finds[first:upcoming], begin) if upcoming > first else Scrubbed(text, ()))
        begin = end + 1
    return results


def _is_calm(find: Find, shadow: bytes) -> bool:
    start, end, kind, _ = find
    before = shadow[start - 1 : start]
    if before not in _CALM_BEFORE and not (before in _CALM_AFTER_BLANK and shadow[start - 2 : start - 1] in _BLANK):
        return False
    if kind == EMAIL and shadow[start : start + 1].isdigit():
        return False
    after = shadow[end : end + 1]
    return after in _CALM_AFTER or (after in _CALM_AT_END and shadow[end + 1 : end + 2] in _BLANK)


def _redacted(text: str, own: Sequence[Find], offset: int) -> Scrubbed:
    """The text without its own finds, whose places count from a point so far before the text."""
    if len(own) == 1:
        [(start, end, kind, score)] = own
        name, placeholder = REPLACEMENTS[kind]
        start, end = start - offset, end - offset
        return Scrubbed(text[:start] + placeholder + text[end:], (Entity(name, start, end, score),))
    entities: list[Entity] = []
    pieces: list[str] = []
    done = 0
    for start, end, kind, score in own:
        name, placeholder = REPLACEMENTS[kind]
        entities.append(Entity(name, start - offset, end - offset, score))
        pieces += (text[done : start - offset], placeholder)
        done = end - offset
    pieces.append(text[done:])
    return Scrubbed("".join(pieces), tuple(entities))


def _merged(first: Scrubbed, second: Scrubbed) -> Scrubbed:
    """One result from two rounds, the second's offsets led back to the input of the first."""
    shifts: list[tuple[int, int]] = [(0, 0)]
    for entity in first.entities:
        grown = shifts[-1][1] + len(REPLACEMENTS[entity.type][1]) - (entity.end - entity.start)
        shifts.append((entity.end + grown, grown))
    ends = [end for end, _ in shifts]
    late = tuple(
        Entity(found.type, found.start - shift, found.end - shift, found.score)
        for found in second.entities
        for shift in (shifts[bisect_right(ends, found.start) - 1][1],)
    )
    return Scrubbed(second.text, tuple(sorted(first.entities + late, key=lambda entity: entity.start)))


def _scrub_view(text: str, view: View) -> Scrubbed:
    """The text as it reads, scrubbed, and the spans led back to where they stand in the text itself."""
    [seen] = _until_calm((view.text,), _pass_as_they_stand)
    found = [(view.starts[each.start], view.ends[each.end - 1], each.type, each.score) for each in seen.entities]
    return _redacted(text, found, 0)
