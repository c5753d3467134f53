"""Options that every command has, and that may stand before it or after it."""

import os
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import typer

from asyncnotify.settings import KEY_FILE_VARIABLE, KEY_VARIABLE, URL_VARIABLE, api_key, gateway_url

_STDIN: Final = "-"
_PANEL: Final = "Options of all commands"

Function = Callable[..., Any]


@dataclass(slots=True)
class GlobalOptions:
    """What was said; None where nothing was, so that the environment counts."""

    url: str | None = None
    key: str | None = None
    as_json: bool = False

    @property
    def gateway(self) -> str:
        """Return the address of the gateway that the command talks to."""
        return self.url or gateway_url()

    @property
    def any_key(self) -> str | None:
        """Return the API key, wherever it was said. Raises `BadSetup` if it can't be read."""
        return self.key or api_key()


_said: ContextVar[GlobalOptions] = ContextVar("said")


def said() -> GlobalOptions:
    """Return what was said with the command that runs."""
    return _said.get()


def local_command(function: Function) -> Function:
    """Give a command the options that need no gateway."""
    return _with_options(function, _OF_ALL)


def command(function: Function) -> Function:
    """Give a command, or a group of them, all global options."""
    return _with_options(function, _OF_THE_CLIENT | _OF_ALL)


def _with_options(function: Function, options: Mapping[str, Any]) -> Function:
    @wraps(function)
    def run(_context: typer.Context, *arguments: Any, **given: Any) -> Any:  # noqa: ANN401 - any command's
        _said.set(_options_of(_context))
        own = {name: value for name, value in given.items() if name not in options}
        return function(*arguments, **own)

    # What typer reads: the command's own parameters, and those of all.
    own = list(signature(function).parameters.values())
    context = Parameter("_context", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    more = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hint)
        for name, hint in options.items()
    ]
    run.__signature__ = signature(function).replace(parameters=[context, *own, *more])  # type: ignore[attr-defined]
    hints = get_type_hints(function, include_extras=True)
    run.__annotations__ = {"_context": typer.Context, **hints, **options}
    return run


def _options_of(context: typer.Context) -> GlobalOptions:
    return context.find_root().ensure_object(GlobalOptions)


def _option(
    name: str,
    kind: type,
    words: str,
    tell: Callable[[GlobalOptions, Any], None],
    metavar: str | None = None,
) -> Any:  # noqa: ANN401 - an annotation
    def take(context: typer.Context, value: Any) -> Any:  # noqa: ANN401 - click's
        # What stands before a command is not undone by its absence behind it.
        if value is not None and not context.resilient_parsing:
            tell(_options_of(context), value)
        return value

    option = typer.Option(
        name,
        callback=take,
        is_eager=True,
        help=words,
        rich_help_panel=_PANEL,
        show_default=False,
        metavar=metavar,
    )
    return Annotated[kind | None, option]


def _set_url(options: GlobalOptions, value: str) -> None:
    options.url = value


def _set_key(options: GlobalOptions, value: str) -> None:
    options.key = _checked("--key", sys.stdin.readline() if value == _STDIN else value)


def _set_key_file(options: GlobalOptions, value: str) -> None:
    try:
        text = Path(value).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = f"{value} can't be read: {type(error).__name__}"
        raise typer.BadParameter(words, param_hint="--key-file") from error
    options.key = _checked("--key-file", text)


def _checked(option: str, text: str) -> str:
    key = text.strip()
    if not key:
        raise typer.BadParameter("there is no key", param_hint=option)
    return key


def _set_json(options: GlobalOptions, _: bool) -> None:
    options.as_json = True


def _set_no_colour(_: GlobalOptions, __: bool) -> None:
    # Errors of usage are printed by typer, which reads it there.
    os.environ["NO_COLOR"] = "1"
    from asyncnotify.commands.terminal import without_colours  # noqa: PLC0415 - `up` needs no rich

    without_colours()


def _show_version(_: GlobalOptions, __: bool) -> None:
    typer.echo(f"asyncnotify {version('asyncnotify')}")
    raise typer.Exit


_OF_THE_CLIENT: Final = {
    "global_url": _option(
        "--url",
        str,
        f"Where the gateway is; else {URL_VARIABLE}, else http://localhost:8000.",
        _set_url,
        metavar="URL",
    ),
    "global_key": _option(
        "--key",
        str,
        f"The API key; else {KEY_VARIABLE}, or the file {KEY_FILE_VARIABLE}. All who list this "
        "machine's processes see a key that is given here: - reads it from stdin.",
        _set_key,
        metavar="KEY",
    ),
    "global_key_file": _option(
        "--key-file", str, "A file with the API key.", _set_key_file, metavar="FILE"
    ),
    "global_json": _option("--json", bool, "Print JSON, also at a terminal.", _set_json),
}
_OF_ALL: Final = {
    "global_no_color": _option(
        "--no-color", bool, "Print no colours; so does NO_COLOR=1.", _set_no_colour
    ),
    "global_version": _option("--version", bool, "Show the version.", _show_version),
}
