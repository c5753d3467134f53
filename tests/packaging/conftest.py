import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).parents[2]


def run_well(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def ran():
    """Run a program that must end well; return what it printed."""
    return run_well


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Build with the recipe of the Makefile: the wheels of all packages by their names."""
    folder = tmp_path_factory.mktemp("dist")
    recipe = run_well("make", "-n", "dist", cwd=ROOT)
    line = next(line for line in recipe.splitlines() if " pip wheel " in line)
    run_well("sh", "-c", line.replace("-w dist", f"-w {folder}"), cwd=ROOT)
    return {parse_wheel_filename(path.name)[0]: path for path in folder.glob("*.whl")}


@pytest.fixture(scope="session")
def install():
    def install_into(python, *wheels):
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python))
        run_well(*pip, "install", "-q", "--no-index", "--no-deps", *map(str, wheels))

    return install_into


@pytest.fixture(scope="session")
def requirements():
    def of_wheel(wheel):
        with zipfile.ZipFile(wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            metadata = HeaderParser().parsestr(archive.read(name).decode())
        return [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]

    return of_wheel
