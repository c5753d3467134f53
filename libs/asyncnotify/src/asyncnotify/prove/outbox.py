"""What the fake providers were handed, as they wrote it down."""

import json
from pathlib import Path

from asyncnotify.prove.reconcile import JsonObject


def read_outbox(path: Path) -> list[JsonObject]:
    """Return the entries so far, without the one that is just being written."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
