"""What is printed for people: with colours at a terminal, unless NO_COLOR is set."""

import sys

from rich.console import Console

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def is_terminal() -> bool:
    """Tell whether a person is watching."""
    return sys.stdout.isatty()


def without_colours() -> None:
    """Print in one colour from now on."""
    out.no_color = err.no_color = True
