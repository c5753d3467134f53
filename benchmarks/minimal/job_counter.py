"""Counts what a worker has done; says what the first and the last job saw.

A worker calls `job_done()` for each. At the first and at the last of `JOBS` it notes the time and
the processor time that this process and the broker's, `BROKER_PID`, have had so far, and then
leaves both notes in the file `REPORT`.
"""

import json
import os
import threading
import time
from pathlib import Path

JOBS = int(os.environ.get("JOBS", "0"))
REPORT = Path(os.environ.get("REPORT", "report.json"))
_seen: list[dict[str, float]] = []
_done = 0
_lock = threading.Lock()  # some workers have threads


def job_done(count: int = 1) -> None:
    """Count."""
    global _done  # noqa: PLW0603 - one counter for each process
    with _lock:
        if not _seen:
            _note()
        _done += count
        if _done >= JOBS and len(_seen) == 1:
            _note()
            whole = REPORT.with_suffix(".part")
            whole.write_text(json.dumps(_seen))
            whole.rename(REPORT)


def _note() -> None:
    own_ms = time.process_time() * 1000
    _seen.append({"at": time.time(), "cpu_ms": own_ms, "broker_ms": _broker_ms(), "done": _done})


def _broker_ms() -> float:
    fields = Path(f"/proc/{os.environ['BROKER_PID']}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
