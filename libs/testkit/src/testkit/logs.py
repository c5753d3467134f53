"""What was logged, as the lines that an operator would see."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

import structlog
from service_kit.logs import configure_logging, reset_logging, write_waiting_lines

LoggedLines = Callable[[], list[dict[str, object]]]


@contextmanager
def captured_logs(service: str = "test", *, level: str = "DEBUG") -> Iterator[LoggedLines]:
    """Log as JSON into memory while the block runs; call what it gives for the lines so far."""
    stream = io.BytesIO()
    text = io.TextIOWrapper(stream, write_through=True)
    root = logging.getLogger()
    handlers, root_level = root.handlers, root.level
    with redirect_stdout(text):
        configure_logging(service, format="json", level=level)
    # A logger that is cached would go on writing here after the block.
    structlog.configure(cache_logger_on_first_use=False)

    def lines() -> list[dict[str, object]]:
        write_waiting_lines()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    try:
        yield lines
    finally:
        reset_logging()
        root.handlers, root.level = handlers, root_level
