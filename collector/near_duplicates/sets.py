"""Near-duplicate sets: groups of texts that chains of near pairs connect."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from collector.near_duplicates.join import SimilarPair, similar_pairs
from collector.near_duplicates.sketches import normalized, shingles


def connected_sets(pairs: Iterable[tuple[int, int]], count: int) -> list[list[int]]:
    """The connected components of a graph that have two members or more.

    Args:
        pairs: edges between vertices 0 to count - 1, in any order.
        count: number of vertices, >= 0.

    Returns:
        Components, each sorted, sorted by their first member.

    >>> connected_sets([(3, 1), (0, 2), (1, 4)], 6)
    [[0, 2], [1, 3, 4]]
    """
    parents = list(range(count))

    def root_of(vertex: int) -> int:
        while parents[vertex] != vertex:
            parents[vertex] = parents[parents[vertex]]
            vertex = parents[vertex]
        return vertex

    for one, other in pairs:
        first, second = sorted((root_of(one), root_of(other)))
        parents[second] = first  # the smallest member stays the root
    components: dict[int, list[int]] = {}
    for vertex in range(count):
        components.setdefault(root_of(vertex), []).append(vertex)
    return [members for members in components.values() if len(members) > 1]


@dataclass(frozen=True)
class NearDuplicates:
    """Near-duplicates among texts. Equal texts are kept as one group, so that thousands of copies cost one look.

    `groups[g]` holds the sorted positions of texts that are equal once normalized, in order of first appearance;
    `near` holds the similar pairs between groups.
    """

    groups: tuple[tuple[int, ...], ...]
    near: tuple[SimilarPair, ...]

    def sets(self) -> list[list[int]]:
        """Connected components of all near pairs: sorted positions, size >= 2, sorted by their first member."""
        of_groups = connected_sets(((pair.first, pair.second) for pair in self.near), len(self.groups))
        joined = {group for component in of_groups for group in component}
        alone = [list(group) for number, group in enumerate(self.groups) if number not in joined and len(group) > 1]
        merged = [sorted(place for number in component for place in self.groups[number]) for component in of_groups]
        return sorted([*alone, *merged])

    def pairs(self) -> Iterator[SimilarPair]:
        """Every near pair of texts, sorted by position; they are as many as half the square of a set of copies."""
        neighbours: dict[int, list[tuple[int, float]]] = {
            number: [(number, 1.0)] for number, group in enumerate(self.groups) if len(group) > 1
        }
        for pair in self.near:
            neighbours.setdefault(pair.first, []).append((pair.second, pair.similarity))
            neighbours.setdefault(pair.second, []).append((pair.first, pair.similarity))
        owners = sorted((place, number) for number in neighbours for place in self.groups[number])
        for place, number in owners:
            later = [
                (other, near)
                for group, near in neighbours[number]
                for other in self.groups[group][bisect_right(self.groups[group], place) :]
            ]
            for other, near in sorted(later):
                yield SimilarPair(place, other, near)


def near_duplicates_of(texts: Sequence[str], threshold: float) -> NearDuplicates:
    """All pairs of texts whose similarity (`sketches.similarity`) is at least `threshold`, none missed, none extra.

    Args:
        texts: in any number; two empty texts are equal.
        threshold: in (0, 1].

    Returns:
        Positions in `texts`, from 0.

    Raises:
        ValueError: the threshold is outside (0, 1].

    >>> near_duplicates_of(["Call me back", "call  me back!", "hi", "HI"], 0.8).sets()
    [[0, 1], [2, 3]]
    """
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(normalized(text), []).append(place)
    near = similar_pairs([shingles(text) for text in places], threshold)
    return NearDuplicates(tuple(tuple(group) for group in places.values()), tuple(near))
