"""The `asyncnotify` command."""

from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from asyncnotify.commands import (
    dead_letters,
    files,
    history,
    keys,
    notifications,
    operating,
    users,
    webhooks,
)
from asyncnotify.commands.config import config
from asyncnotify.commands.doctor import doctor
from asyncnotify.commands.global_options import command
from asyncnotify.commands.group import add, add_local
from asyncnotify.commands.sending import SendCommand, send
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
add(app, doctor)
add(app, config)
add(app, send, cls=SendCommand)
add(app, notifications.status)
add(app, notifications.list_notifications, "list")
add(app, notifications.watch)
add(app, notifications.cancel)
add(app, history.forget)
add(app, files.send_many, "send-many")
add(app, files.import_users, "import-users")
app.add_typer(users.users, name="users")
app.add_typer(users.suppressions, name="suppressions")
app.add_typer(dead_letters.app, name="dlq")
app.add_typer(operating.channels, name="channels")
add(app, operating.providers)
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(keys.app, name="keys")
add(app, keys.audit)


def run() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    run()
