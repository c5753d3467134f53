from datetime import UTC, datetime, timedelta

import pytest
from notification_providers.memory import InMemoryProvider
from notification_providers.registry import ProviderRegistry, Scheme
from notification_providers.urls import (
    InvalidProviderUrl,
    Limits,
    ProviderContext,
    parse,
)

CONTEXT = ProviderContext("email", now=lambda: datetime.now(UTC))


def post(url, context):
    return InMemoryProvider(name=f"post-{url.host}")


def test_a_url_is_taken_apart():
    url, limits = parse("post://anna:s%20ecret@host:25/path?tls=on&per_second=7", Limits())

    assert (url.scheme, url.host, url.port, url.path) == ("post", "host", 25, "/path")
    assert (url.user, url.password) == ("anna", "s ecret")
    assert url.options == {"tls": "on"}
    assert limits == Limits(per_second=7)


def test_limits_come_from_the_url_or_else_from_the_settings():
    defaults = Limits(timeout=timedelta(seconds=9), concurrency=5)

    _, limits = parse("post://host?timeout_seconds=0.5", defaults)

    assert limits == Limits(timeout=timedelta(seconds=0.5), concurrency=5)


@pytest.mark.parametrize(
    "url",
    [
        "post",
        "post:host",
        "://host",
        "post://host:99999",
        "post://host?per_second=0",
        "post://host?concurrency=many",
        "post://host?timeout_seconds=inf",
        "post://host?timeout_seconds=nan",
        "other://host",
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_being_quoted(url):
    registry = ProviderRegistry({"post": Scheme(post)})

    with pytest.raises(InvalidProviderUrl) as refused:
        registry.open(url, CONTEXT, Limits())

    assert "host" not in str(refused.value)


def test_a_registered_scheme_opens_its_provider():
    registry = ProviderRegistry({})
    registry.register("post", post)

    provider, _ = registry.open("post://office", CONTEXT, Limits())

    assert provider.name == "post-office"


def test_a_scheme_is_registered_once():
    registry = ProviderRegistry({"post": Scheme(post)})
    registry.register("post", post)

    with pytest.raises(ValueError, match="registered already"):
        registry.register("post", lambda url, context: InMemoryProvider())


def test_passwords_stay_out_of_tracebacks():
    url, _ = parse("post://anna:secret@host?key=hidden", Limits())

    assert "secret" not in repr(url)
    assert "hidden" not in repr(url)


def test_a_scheme_is_for_its_channels_alone():
    registry = ProviderRegistry({})
    registry.register("post", post, frozenset({"letter"}))

    with pytest.raises(InvalidProviderUrl, match="post:// is for letter, not email"):
        registry.open("post://office", CONTEXT, Limits())


def test_a_family_of_schemes_shares_a_factory():
    registry = ProviderRegistry({"post+": Scheme(post)})

    provider, _ = registry.open("post+air://office", CONTEXT, Limits())

    assert provider.name == "post-office"


def test_a_factory_is_imported_when_it_is_first_used():
    registry = ProviderRegistry({"later": Scheme("notification_providers.nowhere:factory")})

    with pytest.raises(ModuleNotFoundError):
        registry.open("later://", CONTEXT, Limits())
