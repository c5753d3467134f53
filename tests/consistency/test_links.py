"""What documents point at exists: files, headings, modules."""

import importlib
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

NAMED_FILE = re.compile(r"[\w./-]+(?:/|\.(?:py|lua|md|svg|yml|toml|txt|in|json))")
NAMED_MODULE = re.compile(r"[a-z_]+(?:\.\w+)+")
# Made while the program runs, or a user's own.
NOT_TRACKED = re.compile(r"\.data/|\.venv/|dist/|^/|rabbitmq\.conf")


@pytest.fixture(scope="session")
def documents(tracked) -> dict[Path, str]:
    return {path: path.read_text() for path in tracked if path.suffix == ".md"}


def prose(text: str) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


def code(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(text))


def dead_links(path: Path, text: str, documents: dict[Path, str]) -> list[str]:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        file = (path.parent / unquote(target)).resolve() if target else path
        if "://" not in link and (
            not file.exists() or (anchor and anchor not in anchors(documents.get(file, "")))
        ):
            dead.append(link)
    return dead


def missing_files(text: str, tracked: list[Path]) -> list[str]:
    """Files and folders that no tracked path ends with, whole names compared."""
    known = {f"/{each}/" for path in tracked for each in (path, *path.parents)}
    return [
        name
        for name in code(text)
        if NAMED_FILE.fullmatch(name) and not NOT_TRACKED.search(name)
        if not any(each.endswith(f"/{name.strip('/').removeprefix('../')}/") for each in known)
    ]


def exists(name: str) -> bool:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[count:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def missing_modules(text: str, packages: dict[str, Path]) -> list[str]:
    return [
        name
        for word in code(text)
        if (match := NAMED_MODULE.match(word)) and (name := match[0]).split(".")[0] in packages
        if not exists(name)
    ]


def missing_rows(path: Path, text: str, tracked: list[Path]) -> list[str]:
    """Names in the first column of tables of modules that are no module of this package."""
    known = {
        f"/{each.with_suffix('')}/"
        for file in tracked
        if path.parent in file.parents
        for each in (file, *file.parents)
    }
    rows = re.findall(r"^\| module.*\n\|[-| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    first_cells = [row.split("|")[1] for table in rows for row in table.splitlines()]
    return [
        name
        for name in re.findall(r"`([^`]+)`", " ".join(first_cells))
        if not any(each.endswith(f"/{name.strip('/').removesuffix('.py')}/") for each in known)
    ]


def test_links_between_documents_lead_to_a_file_and_a_heading(documents) -> None:
    dead = {path.name: dead_links(path, text, documents) for path, text in documents.items()}

    assert not {name: found for name, found in dead.items() if found}


def test_files_that_documents_name_exist(documents, tracked) -> None:
    missing = {path.name: missing_files(text, tracked) for path, text in documents.items()}

    assert not {name: found for name, found in missing.items() if found}


def test_modules_that_documents_name_exist(documents, packages) -> None:
    missing = {path.name: missing_modules(text, packages) for path, text in documents.items()}

    assert not {name: found for name, found in missing.items() if found}


@pytest.mark.parametrize(
    "line",
    [
        "[a](nowhere.md)",
        "[a](#no-such-heading)",
        "[a](README.md#no-such-heading)",
        "[a](../nowhere/)",
    ],
)
def test_dead_links_are_found(root, documents, line) -> None:
    assert dead_links(root / "README.md", f"# Title\n{line}", documents)


def test_what_does_not_exist_is_found(tracked, packages) -> None:
    text = "`durable_queue/nowhere.py` `nowhere/` `durable_queue/port.py` `GET /users/`"

    assert missing_files(text, tracked) == ["durable_queue/nowhere.py", "nowhere/"]
    text = (
        "`durable_queue.port.nobody` `durable_queue.nowhere` `durable_queue.port` `queue.after_put`"
    )
    assert missing_modules(text, packages) == ["durable_queue.port.nobody", "durable_queue.nowhere"]
