"""The `asyncnotify` command."""

from importlib.metadata import entry_points, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from asyncnotify.commands import dead_letters, files, history, notifications
from asyncnotify.commands.config import config
from asyncnotify.commands.doctor import doctor
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
                command = typer.Typer(add_completion=False)
                command.command(plug_in.name)(plug_in.load())
                self.add_command(typer.main.get_command(command), plug_in.name)


app = typer.Typer(
    name="asyncnotify",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"asyncnotify {version('asyncnotify')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Send notifications, follow them, and run the system that delivers them."""


app.command()(up)
app.command()(doctor)
app.command()(config)
app.command()(notifications.send)
app.command()(notifications.status)
app.command()(notifications.watch)
app.command()(notifications.cancel)
app.command()(history.forget)
app.command("import-users")(files.import_users)
app.command("send-many")(files.send_many)
app.add_typer(dead_letters.app, name="dlq")


def run() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    run()
