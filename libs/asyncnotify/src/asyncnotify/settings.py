"""What the environment says to the client's commands."""

import os
from typing import Final

URL_VARIABLE: Final = "ASYNCNOTIFY_URL"


def gateway_url() -> str:
    """Return the address of the gateway that the commands talk to."""
    return os.environ.get(URL_VARIABLE) or "http://localhost:8000"
