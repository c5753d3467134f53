from collections.abc import Iterator

import pytest
from testkit.logs import LoggedLines, captured_logs


@pytest.fixture(autouse=True)
def logged() -> Iterator[LoggedLines]:
    """Capture what is logged; call it for the lines."""
    with captured_logs("kit") as lines:
        yield lines
