"""How much room there is where a local system keeps its data."""

import shutil
from pathlib import Path
from typing import Final

from asyncnotify.findings import Finding

DATA_DIR: Final = Path(".data")
LEAST_FREE_BYTES: Final = 1 << 30


def free_space(folder: Path = DATA_DIR) -> Finding:
    """Tell how much is free on the disk of `folder`, or of this one where there is none."""
    place = folder if folder.exists() else Path.cwd()
    free = shutil.disk_usage(place).free
    words = f"{free / (1 << 30):.1f} GiB free at {place.absolute()}"
    if free >= LEAST_FREE_BYTES:
        return Finding(name="disk", is_ok=True, words=words)
    advice = "a broker that can't write takes nothing: make room, or give `up` another --data-dir"
    return Finding(name="disk", is_ok=False, words=words, advice=advice)
