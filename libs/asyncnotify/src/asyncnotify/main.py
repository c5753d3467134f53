"""The `asyncnotify` command."""

from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from asyncnotify.commands.global_options import command
from asyncnotify.commands.group import add_local
from asyncnotify.commands.up import up


class _Commands(TyperGroup):
    """The commands here, and those that other packages register as `asyncnotify.commands`.

    `up` needs none of the others. Theirs are only imported when all are listed, or for a name that
    none of ours has.
    """

    def get_command(self, _: object, cmd_name: str) -> Any:  # noqa: ANN401 - typer hides its type
        if cmd_name not in self.commands:
            self._add_the_clients()
        if cmd_name not in self.commands:
            self._add_plug_ins()
        return self.commands.get(cmd_name)

    def list_commands(self, _: object) -> list[str]:
        self._add_the_clients()
        self._add_plug_ins()
        return list(self.commands)

    def _add_the_clients(self) -> None:
        from asyncnotify.commands import client  # noqa: PLC0415 - see above

        group: Any = typer.main.get_command(client.app)
        self.commands |= group.commands

    def _add_plug_ins(self) -> None:
        for plug_in in entry_points(group="asyncnotify.commands"):
            if plug_in.name not in self.commands:
                added = typer.Typer(add_completion=False)
                add_local(added, plug_in.load(), plug_in.name)
                self.add_command(typer.main.get_command(added), plug_in.name)


app = typer.Typer(
    name="asyncnotify",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
@command
def options() -> None:
    """Send notifications, follow them, and run the system that delivers them."""


add_local(app, up)


def run() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    run()
