"""`make setup` where Python is old, missing or hidden, and where a set-up was cut short.

The Pythons on the tests' PATH are scripts that tell a version; the real one does the rest.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("awk", "grep", "make", "mkdir", "rm", "sh", "touch", "cat", "chmod", "cp")
PYTHON = """#!/bin/sh
# A Python {version}.
case "$1 $2" in
"-c "*) exec {real} -c 'import sys; sys.version_info = ({comma}, 9, "final", 0)
if "ensurepip" in sys.argv[1] and {bare}: sys.exit(1)
exec(sys.argv.pop(1))' "$2" ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip")
    echo "$*" >>"${{0%/*}}/../pip.log"
    for i in 1 2 3 4 5 6 7 8 9 10; do echo "Collecting p$i"; done
    {pip} ;;
esac
"""


class Machine:
    """A machine with a clone of the repository."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "clone"
        self._bin = folder / "bin"
        self._bin.mkdir()
        for tool in TOOLS:
            (self._bin / tool).symlink_to(str(shutil.which(tool)))
        for path in (*ROOT.glob("*/pyproject.toml"), *ROOT.glob("libs/*/pyproject.toml")):
            self._copy(path)
        for path in (ROOT / "Makefile", *ROOT.glob("requirements/*")):
            self._copy(path)

    @property
    def venv(self) -> Path:
        return self.clone / ".venv"

    def has(self, name: str, version: str, *, bare: bool = False, pip: str = "true") -> Path:
        """Put a Python on the PATH; a bare one has no `venv`; `pip` is what pip does at last."""
        path = self._bin / name
        comma = version.replace(".", ", ")
        path.write_text(
            PYTHON.format(version=version, real=sys.executable, comma=comma, bare=bare, pip=pip)
        )
        path.chmod(0o755)
        return path

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *arguments],
            cwd=self.clone,
            env={"PATH": str(self._bin)},
            capture_output=True,
            text=True,
            check=False,
        )

    def version(self) -> str:
        return (self.venv / "bin/python").read_text().splitlines()[1].split()[-1].rstrip(".")

    def _copy(self, path: Path) -> None:
        target = self.clone / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def said(done):
    """What was said beside make's own line."""
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


def test_an_old_python_is_refused_in_one_sentence_and_leaves_nothing_behind(machine):
    machine.has("python3", "3.9")

    done = machine.make("setup")

    assert done.returncode != 0
    assert said(done) == [
        "setup: Python 3.11 or later is needed, but python3 is 3.9: "
        "install it, or say where it is with PYTHON=/path/to/python3.13"
    ]
    assert not machine.venv.exists()


def test_no_python_at_all_is_said_in_one_sentence(machine):
    [sentence] = said(machine.make("setup"))

    assert sentence.startswith("setup: Python 3.11 or later is needed, but there is no python3")


@pytest.mark.parametrize("name", ["python3.13", "python3.12", "python3.11"])
def test_a_newer_python_beside_an_old_one_is_found(machine, name):
    machine.has("python3", "3.10")
    machine.has(name, name.removeprefix("python"))

    assert machine.make("setup").returncode == 0
    assert machine.version() == name.removeprefix("python")


def test_a_python_without_venv_is_passed_over_or_said_what_it_lacks(machine):
    machine.has("python3", "3.11", bare=True)
    [sentence] = said(machine.make("setup"))
    machine.has("python3.12", "3.12")

    assert "python3.11-venv" in sentence
    assert machine.make("setup").returncode == 0
    assert machine.version() == "3.12"


@pytest.mark.parametrize("asked", ["python3.13", "python3.12"])
def test_another_python_may_be_asked_for_later(machine, asked):
    machine.has("python3", "3.11")
    machine.has(asked, asked.removeprefix("python"))
    machine.make("setup")

    machine.make("setup", f"PYTHON={asked}")

    assert machine.version() == asked.removeprefix("python")


def broken(venv):
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to("/nowhere/python3.11")


def without_stamp_and_old(venv):
    for stamp in (".run", ".dev"):
        (venv / stamp).unlink()
    path = venv / "bin/python"
    path.write_text(path.read_text().replace("(3, 12,", "(3, 9,"))


@pytest.mark.parametrize("harm", [broken, without_stamp_and_old])
def test_an_environment_that_cannot_be_used_is_made_anew(machine, harm):
    machine.has("python3.12", "3.12")
    machine.make("setup")
    harm(machine.venv)

    done = machine.make("setup")

    assert done.returncode == 0
    assert "made anew" in done.stderr
    assert machine.version() == "3.12"
    assert (machine.venv / ".dev").exists()


@pytest.mark.parametrize("cut", ["kill -9 $PPID; exit 1", "exit 1"])
def test_a_set_up_that_was_cut_short_begins_anew(machine, cut):
    machine.has("python3", "3.12", pip=cut)
    first = machine.make("setup")
    left = machine.venv / "left"
    left.touch()
    machine.has("python3", "3.12")

    second = machine.make("setup")

    assert first.returncode != 0
    assert second.returncode == 0
    assert not left.exists()


def test_an_environment_that_works_is_left_alone(machine):
    machine.has("python3", "3.12")
    machine.make("setup")
    installed = (machine.venv / "pip.log").read_text()

    again = machine.make("setup", "PYTHON=python3")

    assert (again.returncode, said(again)) == (0, [])
    assert (machine.venv / "pip.log").read_text() == installed


def test_progress_is_shown_while_installing(machine):
    machine.has("python3", "3.12")

    lines = said(machine.make("setup"))

    assert lines[0] == "setup: making .venv with python3 (3.12)"
    assert any("10 of" in line for line in lines)


def test_help_touches_nothing(machine):
    machine.has("python3", "3.9")
    machine.venv.mkdir()

    assert machine.make("help").returncode == 0
    assert machine.venv.exists()
