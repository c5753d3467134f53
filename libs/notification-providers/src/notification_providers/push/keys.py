"""Private keys that a provider's URL names."""

from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from notification_providers.urls import InvalidProviderUrl, ProviderUrl


def read_key(
    text: str, read: Callable[[str], ec.EllipticCurvePrivateKey]
) -> ec.EllipticCurvePrivateKey:
    """Read a private key from its text.

    Raises:
        InvalidProviderUrl: it is no such key. It quotes nothing of it.
    """
    try:
        return read(text)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidProviderUrl(
            "its private key can't be read: a key of the curve P-256 is needed"
        ) from error


def read_file_option(url: ProviderUrl, option: str) -> str:
    """Read the file that an option names.

    Raises:
        InvalidProviderUrl: the option is missing, or the file can't be read.
    """
    path = url.options.get(option)
    if not path:
        raise InvalidProviderUrl(f"{option} must name a file")
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidProviderUrl(f"{option} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidProviderUrl(f"{option} is no text file") from error
