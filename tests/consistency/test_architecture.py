"""What docs/architecture.md draws is what the code does."""

import re
from collections import Counter
from itertools import product

import grimp
import pytest

Edges = set[tuple[str, str]]


@pytest.fixture(scope="session")
def imports(packages) -> Edges:
    graph = grimp.build_graph(*packages)
    between = {
        (module.split(".")[0], imported.split(".")[0])
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    return {(one, other) for one, other in between if one != other}


@pytest.fixture(scope="session")
def drawing(root) -> Edges:
    text = (root / "docs/architecture.md").read_text()
    diagram = next(each for each in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL))
    return {
        (one, other)
        for line in re.findall(r"^ +(\w.* --> .*\w)$", diagram, re.MULTILINE)
        for one, other in product(*(re.split(r" & ", side) for side in line.split(" --> ")))
    }


def closure(edges: Edges) -> Edges:
    """Who needs whom, directly or through others."""
    needs = set(edges)
    while more := {(a, d) for a, b in needs for c, d in needs if b == c} - needs:
        needs |= more
    return needs


def test_packages_need_each_other_as_drawn(imports: Edges, drawing: Edges) -> None:
    assert closure(drawing) == closure(imports)


def test_no_arrow_is_drawn_that_follows_from_others(drawing: Edges) -> None:
    assert not [edge for edge in drawing if closure(drawing - {edge}) == closure(drawing)]


def test_packages_need_each_other_in_no_circle(imports: Edges) -> None:
    assert not [name for name, other in closure(imports) if name == other]


def test_no_package_holds_more_than_a_third_of_what_is_shipped(packages, tracked) -> None:
    lines = Counter(
        package
        for package, folder in packages.items()
        for path in tracked
        if package != "testkit" and folder in path.parents and path.suffix in {".py", ".lua"}
        for line in path.read_text().splitlines()
        if line.strip()
    )

    assert len(lines) == len(packages) - 1
    assert {name: part for name, part in lines.items() if part > lines.total() / 3} == {}
