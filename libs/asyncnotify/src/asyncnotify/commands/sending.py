"""`asyncnotify send`."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from asyncnotify.answers import JsonObject
from asyncnotify.api import CHANNELS
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ExitCode, ask, print_json
from asyncnotify.commands.global_options import said
from asyncnotify.commands.group import PlainCommand
from asyncnotify.commands.terminal import err
from asyncnotify.errors import Forbidden, Unreachable
from asyncnotify.models.notifications import Notification
from asyncnotify.not_ended import NotEnded

WAIT_SECONDS = 60.0
_DONE = frozenset({"sent", "delivered"})

User = Annotated[str, typer.Argument(help="The user's id, as `import-users` and `users` have it.")]
Message = Annotated[str, typer.Argument(help="What to tell: up to 10,000 characters.")]


Channel = Annotated[
    list[str] | None,
    typer.Option(
        help=f"One of {', '.join(CHANNELS)}; may be given several times. Without it the "
        "user's preferred channel is taken."
    ),
]
Subject = Annotated[str | None, typer.Option(help="The subject of an e-mail, the title of a push.")]
Priority = Annotated[
    str | None, typer.Option(help="high, normal (as if not given) or low: which go first.")
]
SendAt = Annotated[
    str | None,
    typer.Option(help="Send not before this time, RFC 3339: 2027-01-31T09:00:00+01:00."),
]
ExpiresAt = Annotated[str | None, typer.Option(help="Do not send after this time, RFC 3339.")]
Html = Annotated[
    str | None, typer.Option(help="The message as HTML, for e-mail; @FILE reads a file.")
]
Data = Annotated[
    str | None, typer.Option(help="A JSON object that an app gets; @FILE reads a file.")
]
Tag = Annotated[
    list[str] | None,
    typer.Option(help="A label, by which `list --tag` finds it; may be given several times."),
]
Reference = Annotated[
    str | None, typer.Option(help="Your own id for it, by which `list --reference` finds it.")
]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(
        help="Your own name for this request: the same again within 24 hours sends nothing."
    ),
]
Wait = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="[SECONDS]",
        help=f"Wait until it has ended, at most so long ({WAIT_SECONDS:g} s without a number). "
        "Exits with 0 if it was sent, with 1 if it was not, with 5 if it has not ended.",
    ),
]


class SendCommand(PlainCommand):
    """`--wait` may stand without seconds."""

    defaults = {"--wait": WAIT_SECONDS}  # noqa: RUF012 - as in its base


def send(
    user: User,
    message: Message,
    channel: Channel = None,
    subject: Subject = None,
    priority: Priority = None,
    send_at: SendAt = None,
    expires_at: ExpiresAt = None,
    html: Html = None,
    data: Data = None,
    tag: Tag = None,
    reference: Reference = None,
    idempotency_key: IdempotencyKey = None,
    wait: Wait = None,
) -> None:
    """Tell USER this MESSAGE; prints one trace id per channel, by which `status` finds it."""
    fields: dict[str, object] = {
        "subject": subject,
        "priority": priority,
        "send_at": send_at,
        "expires_at": expires_at,
        "html": _text_of("--html", html),
        "data": _object_of("--data", data),
        "tags": tag or None,
        "reference": reference,
    }
    accepted = ask(partial(_send_to_each, user, message, channel, fields, idempotency_key))
    if wait is not None:
        _wait_for([each["trace_id"] for each in accepted], wait)
        return
    for each in accepted:
        if said().as_json:
            print_json(each)
        else:
            typer.echo(each["trace_id"])


async def _send_to_each(
    user: str,
    message: str,
    channels: list[str] | None,
    fields: dict[str, object],
    idempotency_key: str | None,
    client: AsyncNotify,
) -> list[JsonObject]:
    several = channels and len(channels) > 1
    accepted: list[JsonObject] = []
    names: list[str | None] = [*channels] if channels else [None]
    for name in names:
        key = f"{idempotency_key}:{name}" if idempotency_key and several else idempotency_key
        accepted.append(
            await client.send(user, message, idempotency_key=key, channel=name, **fields)  # type: ignore[arg-type]
        )
    return accepted


def _wait_for(trace_ids: Sequence[str], seconds: float) -> None:
    # Before anything can go wrong: they are accepted, and these are their names.
    names = ", ".join(trace_ids)
    err.print(f"{names}: accepted, waiting up to {seconds:g} s", highlight=False, markup=False)
    is_done = True
    for trace_id in trace_ids:
        ended = ask(partial(_ended, trace_id, seconds))
        is_done = is_done and ended["status"] in _DONE
        if said().as_json:
            print_json(ended)
            continue
        reason = f" ({ended['reason']})" if ended.get("reason") else ""
        typer.echo(f"{trace_id} {ended['status']}{reason}")
    raise typer.Exit(ExitCode.DONE if is_done else ExitCode.REFUSED)


async def _ended(trace_id: str, seconds: float, client: AsyncNotify) -> Notification:
    try:
        return await client.wait(trace_id, seconds)
    except NotEnded:
        raise
    except Forbidden as error:
        words = f"{trace_id} is accepted; to wait for its end takes a key with the scope `read`"
        raise Forbidden(error.status, error.code, words, request_id=error.request_id) from error
    except TimeoutError as error:
        words = f"{trace_id} is accepted; where it is was not told within {seconds:g} s"
        raise Unreachable(words) from error


def _text_of(option: str, given: str | None) -> str | None:
    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{given[1:]}: {error}", param_hint=option) from error


def _object_of(option: str, given: str | None) -> JsonObject | None:
    text = _text_of(option, given)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"is not JSON: {error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter("must be a JSON object", param_hint=option)
    return found
