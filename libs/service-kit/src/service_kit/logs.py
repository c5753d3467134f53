"""Logs: constant event names with fields, as JSON lines or, on a terminal, as coloured text.

Everything goes to standard output through one chain, also what libraries log through `logging`.
Context (a request's or a message's ids) is bound with `bound_contextvars` and is then on every
line. Nothing here logs a field of its own accord, so keep addresses and bodies out of the fields.

The lines of one turn of the event loop are written together at its end; from WARNING on a line is
written at once, after all before it.
"""

import atexit
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, cast

import structlog
from pydantic_core import to_json
from structlog.contextvars import (
    bind_contextvars,
    bound_contextvars,
    get_contextvars,
    merge_contextvars,
)
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from service_kit.log_output import LogOutput

__all__ = [
    "PreparedLine",
    "bind_contextvars",
    "bound_contextvars",
    "configure_logging",
    "get_contextvars",
    "get_logger",
    "reset_logging",
    "write_waiting_lines",
]

# Libraries that narrate their start, each request or each reconnect at INFO.
_CHATTY: Final = {
    **dict.fromkeys(("uvicorn", "uvicorn.error", "httpx"), logging.WARNING),
    **dict.fromkeys(("httpcore", "asyncio", "redis", "aio_pika", "alembic"), logging.WARNING),
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
    output = LogOutput(sys.stdout.buffer)
    structlog.configure(
        processors=[*shared, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=_LineLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(output, shared, finish, severity)
    write_waiting_lines()
    _current.output = output
    _current.service = service
    _current.renders_prepared = not console and severity <= logging.INFO


def reset_logging() -> None:
    """Undo `configure_logging`, but for what libraries log through `logging`."""
    write_waiting_lines()
    structlog.reset_defaults()
    _current.output = None


def get_logger(name: str) -> FilteringBoundLogger:
    """Give the logger of a module; it may be called at import, before logging is configured."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


def write_waiting_lines() -> None:
    """Write what was logged in this turn of the event loop and is not written yet."""
    if _current.output is not None:
        _current.output.flush()


class PreparedLine:
    """A line that is logged again and again, at INFO: what is the same each time is made once.

    Measured, a line costs a quarter of what it costs through a logger. The context is not looked
    at: the fields have to name the ids that the line is about.
    """

    __slots__ = ("_event", "_log", "_output", "_same")

    def __init__(self, logger: str, event: str) -> None:
        self._event = event
        self._log = get_logger(logger)
        self._same = {"level": "info", "event": event, "service": "", "logger": logger}
        self._output: LogOutput | None = None

    def write(self, fields: Mapping[str, object]) -> None:
        """Log the event with these fields."""
        output = _current.output
        if output is None or not _current.renders_prepared:
            self._log.info(self._event, **fields)
            return
        if output is not self._output:
            self._output = output
            self._same["service"] = _current.service
        line = {"timestamp": datetime.now(UTC), **self._same, **fields}
        output.write(_json_line(line))


class _Current:
    """What logging is configured to."""

    output: LogOutput | None = None
    service = ""
    renders_prepared = False


_current: Final = _Current()
atexit.register(write_waiting_lines)


class _LineLogger:
    """Hands lines over to the output."""

    __slots__ = ("_output", "name")

    def __init__(self, output: LogOutput, name: str) -> None:
        self._output = output
        self.name = name

    def msg(self, line: str) -> None:
        self._output.write(_encoded(line))

    def urgent(self, line: str) -> None:
        self._output.write_at_once(_encoded(line))

    debug = info = log = msg
    warning = error = critical = urgent


class _LineLoggerFactory:
    def __init__(self, output: LogOutput) -> None:
        self._output = output

    def __call__(self, name: str = "") -> _LineLogger:
        return _LineLogger(self._output, name)


class _LineHandler(logging.Handler):
    """Hands what libraries log over to the output."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = _encoded(self.format(record))
        except Exception:  # noqa: BLE001 - as the standard library's own handlers do
            self.handleError(record)
            return
        is_urgent = record.levelno >= logging.WARNING
        (self._output.write_at_once if is_urgent else self._output.write)(line)


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace")


def _json_line(event: Mapping[str, object]) -> bytes:
    try:
        # Measured: a fifth of the standard library's time.
        return to_json(event, fallback=repr, inf_nan_mode="strings")
    except ValueError:  # lone surrogates, or bytes that are no text
        return _encoded(json.dumps(event, default=str))


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
        return _json_line(event).decode()

    return [structlog.processors.format_exc_info, render]


def _console_finish() -> list[Processor]:
    # Plain tracebacks: the rich ones print local variables, and those hold personal data.
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _route_standard_logging(
    output: LogOutput, shared: Sequence[Processor], finish: Sequence[Processor], severity: int
) -> None:
    handler = _LineHandler(output)
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
