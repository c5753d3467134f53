"""Each package declares what it imports, and nothing else."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDERS = {
    path.parent.name: path.parent
    for path in (*ROOT.glob("*/pyproject.toml"), *ROOT.glob("libs/*/pyproject.toml"))
}
SERVICES = ("gateway", "notification-publisher", "notification-dispatcher", "user-service")


def project(name):
    return tomllib.loads((FOLDERS[name] / "pyproject.toml").read_text())["project"]


def declared(name):
    """The distributions that a package requires, with those of its extras."""
    extras = project(name).get("optional-dependencies", {})
    lines = [*project(name)["dependencies"], *(line for extra in extras.values() for line in extra)]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imported(files):
    """The distributions of all modules that are imported by name, in functions, too."""
    modules = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(node.module.split(".")[0])
    known = packages_distributions()
    others = modules - set(sys.stdlib_module_names)
    return {canonicalize_name(known.get(each, [each])[0]) for each in others}


def sources(name):
    return sorted((FOLDERS[name] / "src").rglob("*.py"))


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_package_declares_what_it_imports(name):
    assert imported(sources(name)) - {name} <= declared(name)


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_package_declares_nothing_that_it_does_not_use(name):
    """What is not imported is named: a driver in a URL, a service that is run, a wheel's files."""
    unused = declared(name) - imported(sources(name))
    text = "\n".join(path.read_text() for path in sources(name))

    assert not {each for each in unused if not re.search(each.replace("-", "[-_]"), text)}


def test_the_client_needs_httpx_typer_and_rich_and_nothing_else():
    package = FOLDERS["asyncnotify"] / "src/asyncnotify"
    extras = {*(package / "local").rglob("*.py"), package / "django.py"}
    needs = {
        canonicalize_name(Requirement(line).name) for line in project("asyncnotify")["dependencies"]
    }

    assert needs == {"httpx", "rich", "typer"}
    client = [path for path in sources("asyncnotify") if path not in extras]
    assert imported(client) - {"asyncnotify"} == needs


def own_closure(name):
    found = [name]
    for each in found:
        found += sorted(declared(each) & FOLDERS.keys() - set(found))
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_needs_no_tests_and_none_of_their_tools(name):
    others = {need for each in own_closure(name) for need in declared(each)}

    assert not others & {"asyncnotify", "asyncnotify-prove", "hypothesis", "pytest", "testkit"}


def test_what_the_services_need_is_pinned_and_nothing_else_is():
    pinned = [Requirement(line) for line in lines_of("services.in")]
    needs = {need for name in SERVICES for each in own_closure(name) for need in declared(each)}

    assert {canonicalize_name(each.name) for each in pinned} == needs - FOLDERS.keys()


def lines_of(name):
    text = (ROOT / "requirements" / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith(("#", "-"))]
