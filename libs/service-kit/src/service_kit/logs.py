"""Logs: constant event names with fields, as JSON lines or, on a terminal, as coloured text.

Everything goes to standard output through one chain, also what libraries log through `logging`.
Context (a request's or a message's ids) is bound with `bound_contextvars` and is then on every
line. Nothing here logs a field of its own accord, so keep addresses and bodies out of the fields.
"""

import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import BinaryIO, Final, cast

import structlog
from pydantic_core import to_json
from structlog.contextvars import bind_contextvars, bound_contextvars, merge_contextvars
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

__all__ = ["bind_contextvars", "bound_contextvars", "configure_logging", "get_logger"]

# Libraries that narrate their start, each request or each reconnect at INFO.
_CHATTY: Final = dict.fromkeys(
    (
        "uvicorn",
        "uvicorn.error",
        "aiohttp",
        "httpx",
        "httpcore",
        "asyncio",
        "redis",
        "aio_pika",
        "alembic",
    ),
    logging.WARNING,
) | {
    # Tells of each connection that breaks or cannot be made; its user logs that anyway.
    "aiormq": logging.CRITICAL,
}


def configure_logging(service: str, *, format: str, level: str) -> None:  # noqa: A002 - the setting's name
    """Set up structlog and the standard library's logging, once, at start.

    `format` is `json`, `console` or `auto` (console if standard output is a terminal); `level` is
    the name of the least severe level that is logged.
    """
    severity = logging.getLevelNamesMapping()[level.upper()]
    console = format == "console" or (format == "auto" and sys.stdout.isatty())
    shared = _shared_processors(service)
    finish = _console_finish() if console else _json_finish()
    structlog.configure(
        processors=[*shared, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=_LineLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(shared, finish, severity)


def get_logger(name: str) -> FilteringBoundLogger:
    """Give the logger of a module; it may be called at import, before logging is configured."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


class _LineLogger:
    """Writes lines of bytes. A full disk or a closed pipe never fails the work that is logged."""

    __slots__ = ("_stream", "name")

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line.encode("utf-8", "backslashreplace") + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = log = msg


class _LineLoggerFactory:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __call__(self, name: str = "") -> _LineLogger:
        return _LineLogger(self._stream, name)


def _shared_processors(service: str) -> list[Processor]:
    def stamp(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        # One step instead of four: this is on the path of every request.
        return {
            "timestamp": datetime.now(UTC),
            "level": method,
            "event": event.pop("event"),
            "service": service,
            # What comes through `logging` has no logger here, but its record.
            "logger": logger.name if logger is not None else event["_record"].name,
            **event,
        }

    return [merge_contextvars, stamp]


def _json_finish() -> list[Processor]:
    def render(_: WrappedLogger, __: str, event: EventDict) -> str:
        try:
            # Measured: a fifth of the standard library's time.
            return to_json(event, fallback=repr, inf_nan_mode="strings").decode()
        except ValueError:  # lone surrogates, or bytes that are no text
            return json.dumps(event, default=str)

    return [structlog.processors.format_exc_info, render]


def _console_finish() -> list[Processor]:
    # Plain tracebacks: the rich ones print local variables, and those hold personal data.
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _route_standard_logging(
    shared: Sequence[Processor], finish: Sequence[Processor], severity: int
) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(severity)
    for name, least in _CHATTY.items():
        chatty = logging.getLogger(name)
        chatty.handlers = []
        chatty.propagate = True
        chatty.setLevel(max(severity, least))
