"""The URLs under which the dispatcher's providers reach the lab: the one list of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from asyncnotify.local.ports import HOST

from asyncnotify_lab import push_keys
from asyncnotify_lab.wires.webhook import SECRET as WEBHOOK_SECRET

SENDER: Final = "lab@example.com"
BOUNCE_SECRET: Final = "bounces-of-the-lab"  # noqa: S105 - nothing real stands behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPorts:
    """The lab's ports. All are on 127.0.0.1."""

    smtp: int = 0
    smtps: int = 0
    http: int = 0
    https: int = 0


def provider_urls(ports: LabPorts, ca_file: Path) -> Mapping[str, Sequence[str]]:
    """Return each channel's providers, the first choice first. `ca_file` is what they trust."""
    ca, http = quote(str(ca_file), safe=""), f"{HOST}:{ports.http}"
    bounces = f"verp=bounces@example.com&bounce_secret={BOUNCE_SECRET}"
    smtp = f"smtp://lab:lab@{HOST}:{ports.smtp}?from={SENDER}&starttls=required&ca={ca}&{bounces}"
    return {
        "email": [smtp],
        "sms": [
            f"twilio://AC{'0' * 32}:lab@/+15005550006?host=http://{http}",
            f"sms+http://lab:lab@{http}/sms-gateway/send?to={{to}}&text={{text}}&_id=/id",
        ],
        "push": _push(ports, ca_file),
        "webhook": [f"webhook://{WEBHOOK_SECRET}@?only=127.0.0.0/8"],
        "chat": [f"apprise+mmost://{http}/laboratory?to={{address}}"],
    }


def _push(ports: LabPorts, ca_file: Path) -> Sequence[str]:
    """Return one for each kind of push address: each takes those of its own."""
    http, folder = f"http://{HOST}:{ports.http}", ca_file.parent
    webpush = {
        "subject": f"mailto:{SENDER}",
        "key_file": push_keys.vapid_key(folder),
        "only": HOST,
        "trusted": HOST,
    }
    fcm = {
        "credentials": push_keys.fcm_account(folder),
        "url": http,
        "token_uri": f"{http}/fcm/token",
    }
    apns = {
        "key_file": push_keys.apns_key(folder),
        "url": f"https://{HOST}:{ports.https}",
        "ca": ca_file,
    }
    return [
        f"webpush://?{urlencode(webpush)}",
        f"fcm://?{urlencode(fcm)}",
        f"apns://LABKEY:LABTEAM@/com.example.lab?{urlencode(apns)}",
    ]
