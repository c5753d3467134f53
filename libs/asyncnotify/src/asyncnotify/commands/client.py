"""The commands that talk to a gateway, and what they need: an HTTP client, tables, colours."""

import typer

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
from asyncnotify.commands.group import add
from asyncnotify.commands.sending import SendCommand, send

app = typer.Typer()

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
