"""Files that the commands keep, readable by their user alone."""

import os
from pathlib import Path
from typing import Final

from service_kit.private_files import MASK, make_private

from asyncnotify.local.internal_token import FILE as TOKEN_FILE

FIRST_KEY: Final = "first-key"
"""The file with the first key that may make keys."""

_OURS: Final = frozenset(
    {
        "redis",
        "prove",
        "outbox.jsonl",
        TOKEN_FILE,
        FIRST_KEY,
        *(
            f"{name}.db{suffix}"
            for name in ("users", "gateway")
            for suffix in ("", "-journal", "-shm", "-wal")
        ),
    }
)


def keep_private(folder: Path) -> None:
    """Make the data folder, and all that this process and its children make, its user's alone.

    So is what was there before. A folder that holds other things, too, is itself left as it is.
    """
    os.umask(MASK)
    folder.mkdir(parents=True, exist_ok=True)
    make_private(*(folder / name for name in _OURS))
    if {path.name for path in folder.iterdir()} <= _OURS:
        folder.chmod(0o700)
