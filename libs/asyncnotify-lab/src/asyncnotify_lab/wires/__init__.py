"""The wires over HTTP, each a module of its own. One that is listed here is there."""

from collections.abc import Sequence
from typing import Final

from asyncnotify_lab.http import HttpWire
from asyncnotify_lab.wires.apns import ApnsWire
from asyncnotify_lab.wires.fcm import FcmWire
from asyncnotify_lab.wires.resend import ResendWire
from asyncnotify_lab.wires.slack import SlackWire
from asyncnotify_lab.wires.sms_gateway import SmsGatewayWire
from asyncnotify_lab.wires.twilio import TwilioWire
from asyncnotify_lab.wires.webhook import WebhookWire
from asyncnotify_lab.wires.webpush import WebPushWire

HTTP_WIRES: Final[Sequence[type[HttpWire]]] = (
    ApnsWire,
    FcmWire,
    ResendWire,
    SlackWire,
    SmsGatewayWire,
    TwilioWire,
    WebPushWire,
    WebhookWire,
)
