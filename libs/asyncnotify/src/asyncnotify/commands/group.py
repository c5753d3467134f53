"""Puts commands together: each gets the options of all, and names its own when one is misspelt."""

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

import typer
from typer.core import TyperCommand

from asyncnotify.commands.global_options import command, local_command

Function = Callable[..., Any]


class PlainCommand(TyperCommand):
    """A command that says which options there are, when it is given one that there is not.

    An option of `defaults` may stand without a value, which then is the one given here.
    """

    defaults: Mapping[str, float] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer hides its type
        given = [self._with_value(name, after) for name, after in zip_longest(args, args[1:])]
        try:
            return super().parse_args(ctx, given)
        except typer.TyperException as error:
            # Where one is spelt alike, typer has named that one.
            if hasattr(error, "option_name") and not getattr(error, "possibilities", None):
                names = {name for each in self.params for name in each.opts if name[:2] == "--"}
                error.possibilities = sorted(names)  # type: ignore[attr-defined]
            raise

    def _with_value(self, name: str, after: str | None) -> str:
        is_alone = name in self.defaults and not _is_number(after or "")
        return f"{name}={self.defaults[name]:g}" if is_alone else name


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def subcommands(words: str) -> typer.Typer:
    """Make a group of commands; `words` say what they are about."""
    group = typer.Typer(no_args_is_help=True)

    def describe() -> None: ...

    describe.__doc__ = words
    group.callback()(command(describe))
    return group


def add(
    group: typer.Typer,
    function: Function,
    name: str | None = None,
    cls: type[PlainCommand] = PlainCommand,
) -> None:
    """Add a command that talks to a gateway."""
    group.command(name, cls=cls)(command(function))


def add_local(group: typer.Typer, function: Function, name: str | None = None) -> None:
    """Add a command that talks to none."""
    group.command(name, cls=PlainCommand)(local_command(function))
