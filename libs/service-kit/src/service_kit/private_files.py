"""Files that only their owner can read."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

MASK: Final = 0o077
"""A umask: what is made under it is its owner's alone."""

_FOLDER: Final = 0o700
_FILE: Final = 0o600


def make_private(*paths: Path) -> None:
    """Take group's and others' rights from files, and from folders with all that is in them.

    What does not exist, or belongs to another user, is passed over; so are symbolic links.
    """
    for path in paths:
        if path.is_symlink():
            continue
        _restrict(path, _FOLDER if path.is_dir() else _FILE)
        for folder, folders, files in os.walk(path):
            _restrict_all(folder, folders, _FOLDER)
            _restrict_all(folder, files, _FILE)


def _restrict_all(folder: str, names: Iterable[str], mode: int) -> None:
    for name in names:
        path = Path(folder, name)
        if not path.is_symlink():
            _restrict(path, mode)


def _restrict(path: Path, mode: int) -> None:
    with suppress(FileNotFoundError, PermissionError):
        path.chmod(mode)
