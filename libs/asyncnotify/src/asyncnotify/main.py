"""The `asyncnotify` command."""

import typer

from asyncnotify.commands import dead_letters, files, notifications, prove, up

app = typer.Typer(
    name="asyncnotify",
    help="Send notifications, follow them, and run the system that delivers them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up.up)
app.command()(notifications.send)
app.command()(notifications.status)
app.command()(notifications.watch)
app.command()(notifications.cancel)
app.command("import-users")(files.import_users)
app.command("send-many")(files.send_many)
app.command("prove")(prove.prove_it)
app.add_typer(dead_letters.app, name="dlq")


def run() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    run()
