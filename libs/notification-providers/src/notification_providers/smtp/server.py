"""An SMTP server, and how it is spoken to."""

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class NotUsable(Exception):
    """Raised when this server and these settings don't go together. It says why."""


class StartTls(StrEnum):
    """When a connection that begins in the clear is encrypted."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NEVER = "never"


class Login(StrEnum):
    """How a password, or a token, is shown to the server."""

    PLAIN = "plain"
    LOGIN = "login"
    XOAUTH2 = "xoauth2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who signs in: with a password, or with the token that a file holds at the time.

    Without a `login` it is PLAIN or LOGIN, as the server offers.
    """

    user: str
    password: str = field(default="", repr=False)
    token_file: Path | None = None
    login: Login | None = None

    def token(self) -> str:
        """Read the token.

        Raises:
            NotUsable: it can't be read.
        """
        try:
            return (self.token_file or Path()).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NotUsable(f"token_file can't be read: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where a server is, and what it must do before it is trusted with a mail.

    `ehlo` is what this machine calls itself; None for its own name.
    """

    host: str
    port: int
    is_local: bool
    has_tls: bool = False
    starttls: StartTls = StartTls.OPTIONAL
    ca_file: str | None = None
    credentials: Credentials | None = None
    ehlo: str | None = None

    @property
    def may_see_secrets_in_clear(self) -> bool:
        """True if credentials may go over a connection that is not encrypted."""
        return self.is_local or self.starttls is StartTls.NEVER

    @property
    def is_verified(self) -> bool:
        """False where encryption is merely better than none: with whom is then not checked."""
        must_encrypt = self.has_tls or self.starttls is StartTls.REQUIRED
        has_secret = self.credentials is not None and not self.is_local
        return must_encrypt or has_secret or self.ca_file is not None

    def tls_context(self) -> ssl.SSLContext:
        """Make what TLS needs to know.

        Raises:
            NotUsable: the file of certificates can't be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # an `ssl.SSLError` is one, too
            raise NotUsable(f"ca can't be read: {type(error).__name__}") from error
        if not self.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
