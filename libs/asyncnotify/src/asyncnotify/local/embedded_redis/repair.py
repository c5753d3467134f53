"""Cuts off what a power cut left at the end of an append-only file: zero bytes, half a step.

What is cut off was never acknowledged where each write is synced before its answer. It is kept in a
file of its own nevertheless. What looks like damage in the middle is left to people.
"""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from asyncnotify.local.embedded_redis.errors import BeyondRepair

_ANALYZED: Final = re.compile(r"AOF analyzed: filename=(.+), size=(\d+), ok_up_to=(\d+),")
_WHOLE_STEP: Final = b"*1\r\n$4\r\nEXEC\r\n"
_CHUNK_BYTES: Final = 1 << 20


class _Damage(NamedTuple):
    path: Path
    size: int
    good_bytes: int

    @property
    def cut_bytes(self) -> int:
        return self.size - self.good_bytes


def cut_damaged_tail(program: Path, folder: Path) -> str:
    """Repair the append-only file in a data directory; return in one line what was done.

    `program` is the redis-server, which is its own tool for that.

    Raises:
        BeyondRepair: it can't be repaired without losing what may be sound.
    """
    manifest = folder / "appendonlydir" / "appendonly.aof.manifest"
    damage = _find(_check(program, manifest).stdout, manifest.parent)
    by_hand = f"keep a copy, then run redis-check-aof --fix {manifest}"
    if damage is None:
        raise BeyondRepair(f"the append-only file is damaged at an unknown place: {by_hand}")
    if _holds_a_whole_step(damage):
        raise BeyondRepair(
            f"{damage.path} is damaged at byte {damage.good_bytes}, and the {damage.cut_bytes} "
            f"bytes from there on hold more than a torn end: to go on without them, {by_hand}"
        )
    kept = _keep(damage, folder)
    if (repaired := _check(program, manifest, "--fix")).returncode:
        raise BeyondRepair(f"the append-only file can't be repaired: {repaired.stdout[-200:]}")
    return (
        f"cut {damage.cut_bytes} damaged bytes off the end of {damage.path.name}, as a power cut "
        f"leaves them; they are kept in {kept}"
    )


def _check(program: Path, manifest: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # A redis-server that is called by this name is redis-check-aof.
    return subprocess.run(  # noqa: S603 - a program that we looked up ourselves
        ["redis-check-aof", *options, str(manifest)],  # noqa: S607 - `executable` has its path
        executable=program,
        input="y\n",
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _find(said: str, folder: Path) -> _Damage | None:
    for name, size, good_bytes in _ANALYZED.findall(said):
        if size != good_bytes:
            return _Damage(folder / Path(name).name, int(size), int(good_bytes))
    return None


def _holds_a_whole_step(damage: _Damage) -> bool:
    carried = b""
    with damage.path.open("rb") as file:
        file.seek(damage.good_bytes)
        while chunk := file.read(_CHUNK_BYTES):
            if _WHOLE_STEP in carried + chunk:
                return True
            carried = chunk[-len(_WHOLE_STEP) :]
    return False


def _keep(damage: _Damage, folder: Path) -> Path:
    kept = folder / f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}-{damage.path.name}"
    kept.touch(mode=0o600)
    with damage.path.open("rb") as file, kept.open("wb") as copy:
        file.seek(damage.good_bytes)
        while chunk := file.read(_CHUNK_BYTES):
            copy.write(chunk)
    return kept
