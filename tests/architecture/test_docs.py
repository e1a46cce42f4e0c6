"""Documents say what the code does: every setting, every expected failure and every command stands in them, no link is broken."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from foundation.errors import DomainError
from foundation.http.problems import slug_of, status_of
from foundation.settings import PREFIX, Settings
from labeling.models import DriftKind
from labeling.questions.configuration import BreakReason

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOMAINS = ("foundation", "collector", "labeling", "quality", "exports")
GUIDES = (ROOT / "CONTRIBUTING.md", DOCS / "architecture.md", ROOT / "tests" / "README.md")
DOCUMENTS = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "tests" / "README.md"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
IN_TICKS = re.compile(r"`([\w.][\w./-]*)`")
MAKE_WORD = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
LONGEST_DECISION = 40


def _modules() -> Iterator[str]:
    for domain in DOMAINS:
        package = importlib.import_module(domain)
        for module in pkgutil.walk_packages(package.__path__, f"{domain}."):
            if not module.name.endswith("__main__"):
                yield module.name


def _errors(root: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from _errors(kind)


def _reasons() -> set[str]:
    """Every reason that the code gives: second argument of a fault, or `reason=`."""
    found = set()
    for path in (path for domain in DOMAINS for path in (ROOT / domain).rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            places = call.args[1:2] if name.lower().strip("_") in {"fault", "refuse"} else []
            places += [word.value for word in call.keywords if word.arg == "reason" and name[:1].isupper()]
            found |= {
                place.value for place in places if isinstance(place, ast.Constant) and isinstance(place.value, str)
            }
    return {reason for reason in found if re.fullmatch(r"[a-z_]+", reason)}


def _anchors(document: Path) -> set[str]:
    """Anchors as they are made from headings: small letters, blanks to dashes, other marks dropped."""
    headings = HEADING.findall(document.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _is_gone(name: str) -> bool:
    """Whether it names a file or folder of the repository that is not there; a file alone may lie in any folder."""
    is_python = name.endswith(".py")
    if (ROOT / name).exists():
        return False
    if "/" in name:
        return is_python or (ROOT / name.split("/", maxsplit=1)[0]).is_dir()
    return is_python and not any(next((ROOT / folder).rglob(name), None) for folder in (*DOMAINS, "tests"))


def _commands() -> Iterator[str]:
    for domain in DOMAINS:
        try:
            group = importlib.import_module(f"{domain}.cli")
        except ModuleNotFoundError:
            continue
        commands = getattr(group, "commands", None)
        if isinstance(commands, click.Group):
            yield from (f"winnow {commands.name} {name}" for name in commands.commands)


class TestSettings:
    @pytest.mark.parametrize("name", sorted(Settings.model_fields))
    def test_every_setting_has_a_row(self, name: str) -> None:
        assert f"| `{PREFIX}{name.upper()}` |" in (DOCS / "settings.md").read_text("utf-8")

    def test_no_row_is_of_a_setting_that_is_gone(self) -> None:
        named = set(re.findall(rf"^\| `{PREFIX}(\w+)` \|", (DOCS / "settings.md").read_text("utf-8"), re.MULTILINE))
        outside = {"LABEL_STUDIO_VENV"}

        assert named - outside == {name.upper() for name in Settings.model_fields}


class TestProblems:
    def test_every_expected_failure_has_a_section_with_its_status(self) -> None:
        for module in _modules():
            importlib.import_module(module)
        text = (DOCS / "problems.md").read_text("utf-8")

        missing = [
            f"## {slug_of(kind)} / Status {status_of(kind)}"
            for kind in set(_errors())
            if kind.__module__.split(".")[0] in DOMAINS
            and not re.search(rf"^### {slug_of(kind)}\n+\*\*{status_of(kind)}\*\*", text, re.MULTILINE)
        ]

        assert not sorted(missing)

    @pytest.mark.slow
    def test_every_reason_is_named(self) -> None:
        text = (DOCS / "problems.md").read_text("utf-8")

        assert not sorted(reason for reason in _reasons() if f"`{reason}`" not in text)

    @pytest.mark.parametrize("kind", [*DriftKind, *BreakReason])
    def test_every_drift_and_break_is_named(self, kind: str) -> None:
        assert f"`{kind}`" in (DOCS / "problems.md").read_text("utf-8")


class TestCommands:
    def test_every_command_stands_in_the_list(self) -> None:
        text = (DOCS / "commands.md").read_text("utf-8")

        assert not [command for command in _commands() if f"`{command}" not in text]

    def test_every_command_has_an_example(self) -> None:
        groups = [importlib.import_module(f"{domain}.cli") for domain in DOMAINS if (ROOT / domain / "cli.py").exists()]
        commands = [
            command
            for group in groups
            if isinstance(getattr(group, "commands", None), click.Group)
            for command in group.commands.commands.values()
        ]

        assert not [command.name for command in commands if "winnow " not in (command.help or "")]


class TestLinks:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
    def test_every_link_inside_the_repository_leads_somewhere(self, document: Path) -> None:
        broken = []
        for target in LINK.findall(document.read_text("utf-8")):
            if target.startswith(("http://", "https://", "mailto:")):
                continue
            name, _, anchor = target.partition("#")
            path = (document.parent / name) if name else document
            if not path.exists() or (anchor and path.suffix == ".md" and anchor not in _anchors(path)):
                broken.append(target)

        assert not broken


class TestGuides:
    """Where a contributor is sent: a file that was moved or renamed must not be looked for."""

    @pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_every_file_that_is_named_is_there(self, guide: Path) -> None:
        named = set(IN_TICKS.findall(BLOCK.sub("", guide.read_text("utf-8"))))

        assert named
        assert sorted(name for name in named if _is_gone(name)) == []

    @pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_every_word_of_make_is_one(self, guide: Path) -> None:
        words = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

        assert set(MAKE_WORD.findall(guide.read_text("utf-8"))) - words == set()


class TestDecisions:
    @pytest.mark.parametrize("decision", sorted((DOCS / "decisions").glob("*.md")), ids=lambda path: path.stem)
    def test_a_decision_is_short(self, decision: Path) -> None:
        assert len(decision.read_text("utf-8").splitlines()) <= LONGEST_DECISION


class TestReadme:
    def test_it_names_the_commands_a_newcomer_needs(self) -> None:
        text = (ROOT / "README.md").read_text("utf-8")

        assert all(command in text for command in ("git clone", "make demo", "make test"))
