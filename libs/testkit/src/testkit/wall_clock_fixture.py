"""A fixture with a wall clock that can be set; import it in the package's `conftest.py`."""

import os
from pathlib import Path

import pytest
from asyncnotify_prove.wall_clock import WallClock, find_faketime


@pytest.fixture
def wall_clock(tmp_path: Path) -> WallClock:
    """Return a clock for the processes of one test. Skips without libfaketime, fails on CI."""
    require_faketime()
    return WallClock(tmp_path / "wall-clock")


def require_faketime() -> None:
    """Skip the test if there is no libfaketime here; fail on CI."""
    if find_faketime() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("libfaketime is not installed, but on CI nothing is skipped")
        pytest.skip("libfaketime is not installed")
