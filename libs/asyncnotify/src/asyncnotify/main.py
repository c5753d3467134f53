"""The `asyncnotify` command."""

from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from asyncnotify.commands import dead_letters, files, history, notifications
from asyncnotify.commands.config import config
from asyncnotify.commands.doctor import doctor
from asyncnotify.commands.global_options import command, local_command
from asyncnotify.commands.up import up


class _Commands(TyperGroup):
    """The commands here, and those that other packages register as `asyncnotify.commands`.

    Theirs are only imported when all are listed, or for a name that none of ours has.
    """

    def get_command(self, _: object, cmd_name: str) -> Any:  # noqa: ANN401 - typer hides its type
        if cmd_name not in self.commands:
            self._add_plug_ins()
        return self.commands.get(cmd_name)

    def list_commands(self, _: object) -> list[str]:
        self._add_plug_ins()
        return list(self.commands)

    def _add_plug_ins(self) -> None:
        for plug_in in entry_points(group="asyncnotify.commands"):
            if plug_in.name not in self.commands:
                added = typer.Typer(add_completion=False)
                added.command(plug_in.name)(local_command(plug_in.load()))
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


app.command()(local_command(up))
app.command()(command(doctor))
app.command()(command(config))
app.command()(command(notifications.send))
app.command()(command(notifications.status))
app.command()(command(notifications.watch))
app.command()(command(notifications.cancel))
app.command()(command(history.forget))
app.command("import-users")(command(files.import_users))
app.command("send-many")(command(files.send_many))
app.add_typer(dead_letters.app, name="dlq")


def run() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    run()
