"""Which faults the mutation tester makes, and which it leaves alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench.mutants import Mutant, mutants_of, sample_of

MAKES = {
    "a <= b": ["a < b"],
    "a in b": ["a not in b"],
    "a is None": ["a is not None"],
    "a and b": ["a or b"],
    "a - b": ["a + b"],
    "a & b": ["a | b"],
    "not a": ["a"],
    "a = True": ["False"],
    "a = 7": ["8", "6"],
    "a if b else c": ["not b"],
    "[a for a in b if c]": ["not c"],
    "f(a)": ["pass"],
    "a += b": ["pass"],
    "a.b = c": ["pass"],
    "raise a": ["pass"],
    "while a:\n    break": ["not a", "continue"],
    "def f():\n    return a": ["return None"],
}
LEAVES = [
    '"""What a module is for."""',
    "log.info('it happened', n=1)",
    "a: int | None",
    "def f(a: int | None) -> str | None: ...",
    "type_of = str | bytes",
    "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass A: ...",
    "a = zip(b, c, strict=True)",
    "class A(SQLModel, table=True):\n    a: int = Field(max_length=3)",
    "a = 'text'",
    "def f():\n    return None",
]


def faults(source: str) -> list[Mutant]:
    return mutants_of("a.py", source)


class TestMutants:
    @pytest.mark.parametrize("source", MAKES)
    def test_each_operator(self, source: str) -> None:
        assert [mutant.after for mutant in faults(source)] == MAKES[source]

    @pytest.mark.parametrize("source", LEAVES)
    def test_what_is_only_read_is_left_alone(self, source: str) -> None:
        assert faults(source) == []

    def test_one_node_is_changed_and_the_lines_stay(self) -> None:
        source = "class A:\n    def f(self, x):\n        return x < 1 or x < 1\n"

        first = next(mutant for mutant in faults(source) if mutant.after == "x <= 1")

        assert ast.unparse(first.tree_of(source)).count("<=") == 1
        assert (first.within, first.lines) == ("A.f", (3, 3))
        assert first.tree_of(source).body[0].body[0].body[0].lineno == 3  # type: ignore[attr-defined]

    @pytest.mark.slow
    def test_every_mutant_of_this_house_can_be_compiled(self) -> None:
        path = Path(__file__).parents[2] / "exports" / "inputs" / "splits.py"
        source = path.read_text("utf-8")

        for mutant in mutants_of("exports/inputs/splits.py", source):
            compile(mutant.tree_of(source), str(path), "exec")


class TestSample:
    def test_the_seed_decides_and_the_order_is_the_sources(self) -> None:
        mutants = faults("\n".join(f"a{n} < b" for n in range(50)))

        sample = sample_of(mutants, size=10, seed=1)

        assert sample == sample_of(mutants, size=10, seed=1) != sample_of(mutants, size=10, seed=2)
        assert sample == sorted(sample, key=lambda mutant: mutant.index)

    def test_a_small_module_is_taken_whole(self) -> None:
        mutants = faults("a < b\nb < c")

        assert sample_of(mutants, size=10, seed=1) == mutants
