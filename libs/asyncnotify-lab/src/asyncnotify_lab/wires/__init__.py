"""The wires over HTTP, each a module of its own. One that is listed here is there."""

from collections.abc import Sequence
from typing import Final

from asyncnotify_lab.http import HttpWire
from asyncnotify_lab.wires.resend import ResendWire
from asyncnotify_lab.wires.sms_gateway import SmsGatewayWire
from asyncnotify_lab.wires.twilio import TwilioWire

HTTP_WIRES: Final[Sequence[type[HttpWire]]] = (ResendWire, SmsGatewayWire, TwilioWire)
