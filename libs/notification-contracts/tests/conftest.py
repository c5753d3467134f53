"""Fixtures of this package's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from notification_contracts.channels import CHANNELS


@pytest.fixture
def channels() -> Iterator[dict[str, object]]:
    """Yield the registry; what a test registers is gone after it."""
    before = dict(CHANNELS)
    yield dict(before)
    CHANNELS.clear()
    CHANNELS.update(before)


@pytest.fixture
def samples() -> Path:
    """Return the directory of the golden samples."""
    return Path(__file__).parent / "samples"
