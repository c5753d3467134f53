"""The wheels of one `make dist`, installed into an environment that holds nothing of ours."""

import os
import re
import sysconfig
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name, parse_wheel_filename

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(wheels, install, tmp_path_factory):
    """An environment with these wheels alone, and what others make seen from ours."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    python = home / "bin/python"
    install(python, *wheels.values())
    [site] = home.glob("lib/python*/site-packages")
    # A path in a .pth file comes after the wheels; our own packages are in there as links, which
    # only count where a site folder begins.
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_there_is_a_wheel_of_each_package(wheels):
    packages = {canonicalize_name(path.parent.name) for path in ROOT.glob("*/pyproject.toml")}
    packages |= {canonicalize_name(path.parent.name) for path in ROOT.glob("libs/*/pyproject.toml")}

    # The test kit is for development only.
    assert set(wheels) == packages - {"testkit"}


def test_the_gateway_brings_its_document_and_its_pages(wheels):
    brought = set(zipfile.ZipFile(wheels["gateway"]).namelist())

    pages = ROOT / "gateway/src"
    files = {str(path.relative_to(pages)) for path in pages.rglob("pages/**/*.*")}
    assert len(files) > 20
    assert files | {"gateway/openapi.json"} <= brought


def test_what_the_wheels_require_is_among_them_or_installed_in_a_version_that_will_do(
    wheels, requirements
):
    """Of our own they require the version that was built with them: no other will do."""
    for wheel in wheels.values():
        for wanted in requirements(wheel):
            name = canonicalize_name(wanted.name)
            if name in wheels:
                assert str(wanted.specifier) == f"=={parse_wheel_filename(wheels[name].name)[1]}"
            else:
                assert wanted.specifier.contains(distribution(name).version), (wheel.name, wanted)


def test_the_command_and_the_client_work_from_their_wheels(python, wheels, ran):
    environment = {"PATH": os.defpath, "HOME": str(python.parent)}
    version = parse_wheel_filename(wheels["asyncnotify"].name)[1]

    said = ran(str(python.parent / "asyncnotify"), "--version", env=environment, cwd="/")
    where = ran(
        *(str(python), "-c", "import asyncnotify; print(asyncnotify.__file__)"),
        env=environment,
        cwd="/",
    )

    assert said == f"asyncnotify {version}\n"
    assert Path(where.strip()).is_relative_to(python.parents[1])


def test_every_module_of_every_wheel_can_be_imported(python, wheels, ran):
    modules = []
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            modules += [name for name in archive.namelist() if name.endswith(".py")]
    names = sorted(re.sub(r"(/__init__)?\.py$", "", name).replace("/", ".") for name in modules)
    # Test tools need pytest; migrations are run by alembic, programs by themselves.
    left_out = (".testing", ".migrations", ".__main__")
    names = [name for name in names if not any(part in name for part in left_out)]
    program = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"

    assert len(names) > 100
    ran(str(python), "-c", program, *names, cwd="/")
