"""The `asyncnotify` command."""

from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from asyncnotify.commands import dead_letters, files, history, notifications
from asyncnotify.local.up import up

app = typer.Typer(
    name="asyncnotify",
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
app.command()(notifications.send)
app.command()(notifications.status)
app.command()(notifications.watch)
app.command()(notifications.cancel)
app.command()(history.forget)
app.command("import-users")(files.import_users)
app.command("send-many")(files.send_many)
app.add_typer(dead_letters.app, name="dlq")
for command in entry_points(group="asyncnotify.commands"):
    app.command(command.name)(command.load())


def run() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    run()
