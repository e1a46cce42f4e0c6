"""The shape of the house: who may import what, what things may be called, where a transaction ends."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import wsgi
from tests.architecture.sources import EDGES, PACKAGES, ROOT, calls, files_that_import, imports_of, sources

FORBIDDEN_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "manager",
    "data",
    "info",
    "process",
    "handle",
    "misc",
}
COMMANDS_OF_FOUNDATION = {"foundation/cli.py", "foundation/http/keys_cli.py", "foundation/running/up_cli.py"}
FILE_COMMANDS = {"collector/anonymization/file_command.py", "collector/near_duplicates/file_command.py"}
"""Commands on a plain file, kept beside what they run; `collector/cli.py` lists them."""

STARTING_AT_ONCE = COMMANDS_OF_FOUNDATION | FILE_COMMANDS | {"wsgi.py"}
HEAVY_BELOW = {
    "collector/queries.py",  # a circle: a revision's history is made of what it reads
    "exports/installations.py",  # the database, where another installation is asked
    "foundation/installations.py",  # the same
    "foundation/opening.py",  # the database, for `winnow --help`
    "foundation/steps.py",  # Celery, which nobody needs before something is owed
    "quality/installations.py",  # the database, where another installation is asked
    "quality/service.py",  # numpy and scipy
}


def of_edges(name: str) -> set[str]:
    return {path for path in sources() if Path(path).name == name and path.split("/")[0] in PACKAGES}


def conversing_modules() -> Iterator[str]:
    """The modules of each domain's layer of conversations, as the import contracts have them, each with a point behind it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for contract in settings["tool"]["importlinter"]["contracts"]:
        names = contract["name"].partition(": ")[2].split(", ")
        if "conversations" in names:
            layer = contract["layers"][names.index("conversations")]
            yield from (f"{container}.{name}." for container in contract["containers"] for name in layer.split(" : "))


class TestImports:
    def test_they_only_go_down(self) -> None:
        done = subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stdout

    def test_only_wsgi_knows_every_domain(self) -> None:
        upward = {
            path
            for path, module in sources().items()
            if path.startswith("foundation/")
            and {name.split(".")[0] for name in imports_of(module)} & set(PACKAGES[1:])
        }

        assert upward == set()

    def test_flask_stays_in_the_edges(self) -> None:
        allowed = {"wsgi.py", *of_edges("api.py"), *of_edges("pages.py")}
        allowed |= {path for path in sources() if path.startswith("foundation/http/")}
        # `winnow …` commands ask Flask for the application they belong to.
        allowed |= {path for path in of_edges("cli.py") if not _uses_requests(path)}

        assert files_that_import("flask", "flask_openapi3", "werkzeug") - allowed == set()

    def test_celery_stays_in_the_queue(self) -> None:
        assert files_that_import("celery") == {"foundation/queue.py", "foundation/running/scheduler.py"}

    def test_click_stays_in_the_commands(self) -> None:
        allowed = {*COMMANDS_OF_FOUNDATION, *of_edges("cli.py"), *FILE_COMMANDS}

        assert files_that_import("click") - allowed == set()

    def test_label_studio_has_one_door(self) -> None:
        """Only the gateway and its wire speak HTTP to it; `foundation/http/health.py` asks whether it is up."""
        speakers = files_that_import("httpx", "label_studio_sdk", "requests", "urllib3")

        assert speakers <= {
            "foundation/client.py",
            "foundation/http/health.py",
            "labeling/studio/gateway.py",
            "labeling/studio/wire.py",
        }

    def test_the_deserializers_that_run_code_are_not_used(self) -> None:
        assert files_that_import("pickle", "marshal", "shelve", "dill") == set()
        loads = {path for path, module in sources().items() for call in calls(module, "load") if _is_yaml(call)}
        assert loads == set()

    def test_ground_does_not_import_its_own_edges(self) -> None:
        found = set()
        for path, module in sources().items():
            domain = path.split("/")[0]
            if Path(path).name in EDGES or domain not in PACKAGES:
                continue
            edges = {f"{domain}.{Path(edge).stem}" for edge in EDGES}
            found |= {(path, name) for name in imports_of(module) if name in edges and name != "foundation.cli"}

        assert found == set()


class TestImportsInside:
    def test_functions_import_modules_of_ours_only_where_something_heavy_follows(self) -> None:
        """Commands and tasks, which start at once; elsewhere a library itself is named, and these few say why."""
        found = {
            path
            for path, module in sources().items()
            if Path(path).name not in {"cli.py", "tasks.py"} | {Path(command).name for command in STARTING_AT_ONCE}
            and any(name.split(".")[0] in PACKAGES for name in _imports_inside_functions(module))
        }

        assert found == HEAVY_BELOW


class TestNames:
    def test_no_module_class_or_function_has_an_empty_name(self) -> None:
        found = set()
        for path, module in sources().items():
            if FORBIDDEN_NAMES & set(Path(path).with_suffix("").parts):
                found.add(path)
            for node in ast.walk(module):
                if (
                    isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
                    and node.name.lower() in FORBIDDEN_NAMES
                ):
                    found.add(f"{path}:{node.lineno} {node.name}")

        assert found == set()

    def test_no_argument_has_an_empty_name(self) -> None:
        found = {
            f"{path}:{node.lineno} {node.arg}"
            for path, module in sources().items()
            for node in ast.walk(module)
            if isinstance(node, ast.arg) and node.arg in FORBIDDEN_NAMES
        }

        assert found == set()


class TestSize:
    @pytest.mark.parametrize("path", sorted(sources()))
    def test_a_module_has_at_most_400_lines_and_a_function_50(self, path: str) -> None:
        lines = len((ROOT / path).read_text("utf-8").splitlines())
        longest = max(
            ((node.end_lineno or 0) - node.lineno + 1 for node in ast.walk(sources()[path]) if isinstance(node, ast.FunctionDef)),
            default=0,
        )  # fmt: skip

        assert lines <= 400
        assert longest <= 50


class TestErrors:
    def test_nothing_is_swallowed(self) -> None:
        found = set()
        for path, module in sources().items():
            for node in ast.walk(module):
                if isinstance(node, ast.ExceptHandler) and _catches_all(node) and _does_nothing(node.body):
                    found.add(f"{path}:{node.lineno}")

        assert found == set()

    def test_everything_is_caught_only_where_it_is_said_why(self) -> None:
        found = set()
        for path, module in sources().items():
            lines = (ROOT / path).read_text("utf-8").splitlines()
            for node in ast.walk(module):
                if isinstance(node, ast.ExceptHandler) and _catches_all(node):
                    around = "\n".join(lines[node.lineno - 2 : node.lineno + 2])
                    if "#" not in around and not any(isinstance(part, ast.Raise) for part in ast.walk(node)):
                        found.add(f"{path}:{node.lineno}")

        assert found == set()

    def test_validation_is_not_left_to_assert(self) -> None:
        found = {
            f"{path}:{node.lineno}"
            for path, module in sources().items()
            for node in ast.walk(module)
            if isinstance(node, ast.Assert)
        }

        assert found == set()


class TestTransactions:
    def test_nothing_below_an_edge_commits(self) -> None:
        """A savepoint may be released; the transaction is the unit of work's alone."""
        found = set()
        for path, module in sources().items():
            if path == "foundation/database.py":
                continue
            for call in calls(module, "commit"):
                target = call.func.value if isinstance(call.func, ast.Attribute) else None
                if not (isinstance(target, ast.Name) and target.id == "savepoint"):
                    found.add(f"{path}:{call.lineno}")

        assert found == set()

    def test_units_of_work_are_opened_by_edges_and_conversations_alone(self) -> None:
        """No transaction may stay open while another system answers or a disk is written to: conversations end theirs before."""
        openers = {path for path, module in sources().items() if any(calls(module, "unit_of_work"))}
        below = {path for path in openers if Path(path).name not in EDGES and not path.startswith("foundation/")}
        conversations = tuple(conversing_modules())

        modules = {path.removesuffix(".py").replace("/", ".") for path in below}

        assert {name for name in modules if not f"{name}.".startswith(conversations)} == set()


class TestStatements:
    def test_those_over_tasks_in_label_studio_stand_in_one_room(self) -> None:
        """Who changes the table or its indexes has one place to read."""
        speakers = {
            path for path, module in sources().items() if _speaks_of(module, "labeling.models", "TASKS", "Task")
        }

        assert {path for path in speakers if not path.startswith("labeling/task_table/")} == set()

    def test_foundation_asks_for_no_table_of_another_floor(self) -> None:
        """What it needs of projects it is handed by the roof."""
        for name in wsgi.MODELS:
            import_module(name)
        above = {
            mapper.local_table.name
            for mapper in SQLModel._sa_registry.mappers
            if not mapper.class_.__module__.startswith(("foundation.", "tests."))
        }
        asked = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:{'|'.join(sorted(above))})\b")
        found = set()
        for path, module in sources().items():
            if path.startswith("foundation/"):
                texts = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant)}
                named = {
                    node.value
                    for call in (*calls(module, "table"), *calls(module, "Table"))
                    for node in call.args[:1]
                    if isinstance(node, ast.Constant)
                }
                found |= {path for text in texts if isinstance(text, str) and asked.search(text)}
                found |= {path for name in named if name in above}

        assert "projects" in above
        assert found == set()


class TestFailpoints:
    def test_each_is_armed_by_a_test(self) -> None:
        named = {
            call.args[0].value
            for module in sources().values()
            for call in calls(module, "failpoint")
            if call.args and isinstance(call.args[0], ast.Constant)
        }
        tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))

        assert {name for name in named if str(name) not in tests} == set()

    def test_each_name_stands_at_one_place(self) -> None:
        names = [
            call.args[0].value
            for module in sources().values()
            for call in calls(module, "failpoint")
            if call.args and isinstance(call.args[0], ast.Constant)
        ]

        assert len(set(names)) == len(names)


def _speaks_of(module: ast.Module, models: str, table: str, model: str) -> bool:
    """Whether a module has a table, or uses more of its model than its name."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module == models
        for alias in node.names
        if alias.name in {table, model}
    }
    if imported - {model}:
        return True
    uses = [node for node in ast.walk(module) if isinstance(node, ast.Call | ast.Attribute)]
    return any(
        isinstance(part, ast.Name) and part.id in imported
        for use in uses
        for part in ([use.value] if isinstance(use, ast.Attribute) else use.args)
    )


def _imports_inside_functions(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports_of(ast.Module(node.body, []))


def _uses_requests(path: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "flask"
        and {alias.name for alias in node.names} & {"request", "g", "session", "Response"}
        for node in ast.walk(sources()[path])
    )


def _is_yaml(call: ast.Call) -> bool:
    target = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(target, ast.Name) and target.id == "yaml"


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


def _does_nothing(body: list[ast.stmt]) -> bool:
    return all(isinstance(node, ast.Pass | ast.Continue) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)  # fmt: skip
