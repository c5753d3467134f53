"""What the environment says to the client: where the gateway is, and with which key."""

import os
from pathlib import Path
from typing import Final

from asyncnotify.errors import BadSetup

URL_VARIABLE: Final = "ASYNCNOTIFY_URL"
KEY_VARIABLE: Final = "ASYNCNOTIFY_KEY"
KEY_FILE_VARIABLE: Final = "ASYNCNOTIFY_KEY_FILE"
DEFAULT_URL: Final = "http://localhost:8000"


def gateway_url() -> str:
    """Return the address of the gateway."""
    return os.environ.get(URL_VARIABLE) or DEFAULT_URL


def api_key() -> str | None:
    """Return the API key, or None: there is none, and the gateway may not ask for one.

    Raises:
        BadSetup: it is said in both ways, or the file can't be read.
    """
    key, path = os.environ.get(KEY_VARIABLE), os.environ.get(KEY_FILE_VARIABLE)
    if key and path:
        raise BadSetup(f"{KEY_VARIABLE} and {KEY_FILE_VARIABLE} are both set; one is enough")
    if not path:
        return key or None
    try:
        key = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetup(f"{KEY_FILE_VARIABLE}: {path} can't be read: {error}") from error
    if not key:
        raise BadSetup(f"{KEY_FILE_VARIABLE}: {path} is empty")
    return key
