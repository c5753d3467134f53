"""Headers that a relay passes on, and those that concern one hop only."""

from collections.abc import Mapping

IDEMPOTENCY_KEY = "idempotency-key"

# RFC 9110, 7.6.1, and the older ones that are still about.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# End-to-end by the book, but each side frames its own bodies and names its own host, and every
# server of ours dates its answers.
_MADE_ANEW = frozenset({"content-length", "date", "host"})


def end_to_end_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Give the headers that a relay may pass on, in either direction, with names in lower case.

    Left out are hop-by-hop headers, those that `Connection` names, and those that the next hop
    makes anew (`Host`, `Content-Length`, `Date`). Repeated ones are joined with ", ".
    """
    pairs = [(name.lower(), value) for name, value in headers.items()]
    dropped = _HOP_BY_HOP | _MADE_ANEW
    for name, value in pairs:
        if name == "connection":
            dropped |= {token.strip().lower() for token in value.split(",")}
    kept: dict[str, str] = {}
    for name, value in pairs:
        if name not in dropped:
            kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept
