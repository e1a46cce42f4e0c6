"""Which small faults a module's source can be given: one changed node each. Pure: source in, mutants out."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from copy import copy, deepcopy
from dataclasses import dataclass

OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
"""What an operator becomes."""

STYLE = {"frozen", "slots", "kw_only", "strict", "ensure_ascii", "daemon"}
"""Keywords that say how something is declared; no test of what a program does could tell one value from another."""
BUILT_IN = {"bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"}
WIDTH = 90
LOGS = {"log", "logger", "_log", "LOG"}


@dataclass(frozen=True)
class Mutant:
    """One changed node.

    Attributes:
        path: of the module, from the root of the repository.
        lines: first and last line of the changed node.
        within: the function or class it stands in, with those around it; empty at the module's level.
        before, after: the node as source, to be read and to name a mutant that is equivalent.
        index: of the node, in the order of `_walk`.
        new: what takes its place.
    """

    path: str
    lines: tuple[int, int]
    within: str
    before: str
    after: str
    index: int
    new: ast.AST

    @property
    def name(self) -> str:
        """What this mutant is called; without a line number, which any edit above it would change."""
        return f"{self.path} {self.within or '(module)'}: {self.before} => {self.after}"

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").replace("/", ".")

    def tree_of(self, source: str) -> ast.Module:
        """The module with this fault."""
        tree = ast.parse(source)
        old = next(spot.node for index, spot in enumerate(_walk(Spot(tree))) if index == self.index)
        mutated: ast.Module = _Exchange(old, deepcopy(self.new)).visit(tree)
        return ast.fix_missing_locations(mutated)


@dataclass(frozen=True)
class Spot:
    """A node and what must be known of its surroundings."""

    node: ast.AST
    within: str = ""
    condition: bool = False


class _Exchange(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.copy_location(self.new, node) if node is self.old else super().visit(node)  # type: ignore[no-any-return]


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of the source.

    >>> for mutant in mutants_of("a.py", "def f(x):\\n    return x < 1"):
    ...     print(mutant.name)
    a.py f: return x < 1 => return None
    a.py f: x < 1 => x <= 1
    a.py f: 1 [return x < 1] => 2
    a.py f: 1 [return x < 1] => 0
    """
    lines = source.splitlines()
    return [
        Mutant(path, _lines(spot.node), spot.within, _before(spot.node, lines), _words(new), index, new)
        for index, spot in enumerate(_walk(Spot(ast.parse(source))))
        for new in _changes(spot)
    ]


def sample_of(mutants: list[Mutant], *, size: int, seed: int) -> list[Mutant]:
    """A seeded sample of one module's mutants, in the order of the source; all when there are not more."""
    if len(mutants) <= size:
        return mutants
    chosen = random.Random(f"{seed}:{mutants[0].path}").sample(range(len(mutants)), size)
    return [mutants[index] for index in sorted(chosen)]


def _walk(spot: Spot) -> Iterator[Spot]:
    """The nodes that a fault may sit in: no annotations, no docstrings, no log lines, no keywords of style, and no
    columns of tables, which a test of the migrations compares with the database.
    """
    yield spot
    node = spot.node
    within = spot.within
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        within = f"{within}.{node.name}" if within else node.name
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_out(child):
                condition = name in {"test", "ifs"} and not isinstance(child, ast.Compare | ast.BoolOp | ast.UnaryOp)
                yield from _walk(Spot(child, within, condition))


def _is_left_out(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))) if name in LOGS:
            return True
        case ast.keyword(arg=arg) if arg in STYLE:
            return True
        case ast.ClassDef(keywords=[ast.keyword(arg="table"), *_]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _changes(spot: Spot) -> Iterator[ast.AST]:
    node = spot.node
    if spot.condition:
        yield ast.UnaryOp(ast.Not(), node)  # type: ignore[arg-type]
    yield from _of_statements(node) if isinstance(node, ast.stmt) else _of_expressions(node)


def _of_expressions(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[operator, *others]) if type(operator) in OTHER:
            yield _with(node, ops=[OTHER[type(operator)](), *others])
        case ast.BoolOp(op=operator):
            yield _with(node, op=OTHER[type(operator)]())
        case ast.BinOp(op=operator) if type(operator) in OTHER and not _is_of_types(node):
            yield _with(node, op=OTHER[type(operator)]())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)


def _of_statements(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.Return(value=ast.AST() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _is_of_types(node: ast.BinOp) -> bool:
    """`X | None` and `int | str`, which are read by people and type checkers."""
    names = [side.id for side in (node.left, node.right) if isinstance(side, ast.Name)]
    nothing = any(isinstance(side, ast.Constant) and side.value is None for side in (node.left, node.right))
    return isinstance(node.op, ast.BitOr) and (nothing or any(name[0].isupper() or name in BUILT_IN for name in names))


def _lines(node: ast.AST) -> tuple[int, int]:
    first: int = getattr(node, "lineno", 0)
    return first, getattr(node, "end_lineno", None) or first


def _before(node: ast.AST, lines: list[str]) -> str:
    """A constant by itself would say too little to know it again, so its line stands beside it."""
    if not isinstance(node, ast.Constant):
        return _words(node)
    line = lines[node.lineno - 1].strip()
    return f"{_words(node)} [{line if len(line) <= WIDTH else f'{line[:WIDTH]}…'}]"


def _words(node: ast.AST) -> str:
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= WIDTH else f"{words[:WIDTH]}…"
