"""What a labeling configuration costs grows with its length alone, so it is read where it comes in, without a child process."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from labeling.questions.configuration import MAX_CHARS, LabelingConfiguration, compare, parse_configuration

pytestmark = pytest.mark.slow

WHOLE = '<View><Text name="t" value="$text"/>%s</View>'
CHOICES = '<Choices name="s" toName="t">%s</Choices>'
MADE: dict[str, Callable[[int], str]] = {
    "choices": lambda n: WHOLE % (CHOICES % "".join(f'<Choice value="{i:x}"/>' for i in range(n))),
    "one choice again and again": lambda n: WHOLE % (CHOICES % ('<Choice value="a"/>' * n)),
    "views in views": lambda n: "<View>" * n + '<Text name="t" value="$text"/>' + "</View>" * n,
    "choices in choices": lambda n: WHOLE % (CHOICES % ('<Choice value="a">' * n + "</Choice>" * n)),
    "controls": lambda n: (
        WHOLE % "".join(f'<Choices name="{i:x}" toName="t"><Choice value="a"/></Choices>' for i in range(n))
    ),
    "one control again and again": lambda n: WHOLE % ((CHOICES % '<Choice value="a"/>') * n),
    "objects": lambda n: "<View>" + "".join(f'<Text name="{i:x}" value="$f{i:x}"/>' for i in range(n)) + "</View>",
    "attributes": lambda n: WHOLE % ("<Header " + " ".join(f'a{i:x}=""' for i in range(n)) + "/>"),
    "targets": lambda n: WHOLE % ('<Pairwise name="p" toName="' + ",".join(["t"] * n) + '"/>'),
    "tags": lambda n: "<View>" + "".join(f"<q{i:x}/>" for i in range(n)) + "</View>",
    "unmeasured": lambda n: WHOLE % "".join(f'<TextArea name="{i:x}" toName="t"/>' for i in range(n)),
}


def longest(make: Callable[[int], str]) -> int:
    """How many of it fit into a configuration."""
    low, high = 1, MAX_CHARS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(make(middle)) <= MAX_CHARS else (low, middle)
    return low


def cost_s(text: str) -> float:
    """The least CPU of three times reading it, and comparing it with itself as a new revision does."""
    taken = []
    for _ in range(3):
        begun = time.process_time()
        read = parse_configuration(text)
        if isinstance(read, LabelingConfiguration):
            compare(read, read)
        taken.append(time.process_time() - begun)
    return min(taken)


@pytest.mark.parametrize("name", MADE)
def test_four_times_the_length_is_at_most_ten_times_the_cost(name: str) -> None:
    """Work that is linear takes 4 times as much, or somewhat more on a machine that others use; quadratic work 16 times."""
    make = MADE[name]
    most = longest(make)

    quarter, whole = cost_s(make(most // 4)), cost_s(make(most))

    assert whole <= 10 * quarter + 0.02
