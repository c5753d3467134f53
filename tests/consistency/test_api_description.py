"""The API is described once, by the services that answer it; the gateway's document follows."""

import json
from importlib.machinery import SourceFileLoader
from types import ModuleType

import pytest
from fastapi import APIRouter, FastAPI, Response
from gateway.document import document_text, relayed_calls
from gateway.main import build
from gateway.settings import GatewaySettings
from notification_contracts import channels
from pydantic import BaseModel
from service_kit.http.app import build_app
from service_kit.http.openapi_parts import INTERNAL, answer
from service_kit.http.problems import INVALID_REQUEST
from testkit.http import asgi_client


@pytest.fixture(scope="module")
def maker(root) -> ModuleType:
    """The program behind `make openapi`."""
    source = SourceFileLoader("make_openapi", str(root / "gateway" / "make_openapi.py"))
    module = ModuleType(source.name)
    module.__file__ = source.path
    source.exec_module(module)
    return module


def service_with(*paths: str, model: type[BaseModel] | None = None, internal=False) -> FastAPI:
    router = APIRouter(default_response_class=Response)
    for path in paths:

        async def call() -> Response:
            """Says something."""
            return Response()

        router.add_api_route(
            path,
            call,
            name=f"get_{path.strip('/')}",
            responses=answer(200, "It.", model),
            openapi_extra=INTERNAL if internal else {},
        )
    return build_app(service="s", title="S", routers=[router], problems={}, checks={}, docs=True)


def test_the_document_is_what_the_services_say(maker):
    made = maker.rendered(maker.merged(maker.owners()))

    assert document_text() == made, "the document is stale; make it with `make openapi`"


def test_every_call_of_a_service_is_public_unless_it_is_internal(maker):
    paths = json.loads(document_text())["paths"]

    for name, app in maker.owners().items():
        for path, item in app.openapi()["paths"].items():
            for method, call in item.items():
                relayed = paths.get(path, {}).get(method, {})
                is_own = path.startswith("/health/") or path == "/metrics"
                expected = None if is_own or "x-internal" in call else name
                assert relayed.get("x-service") == expected, f"{method} {path}"


def test_a_call_that_a_service_adds_is_described_and_relayed_without_further_ado(maker):
    services = maker.owners() | {"user-service": service_with("/news")}

    document = maker.rendered(maker.merged(services))

    assert json.loads(document)["paths"]["/news"]["get"]["description"] == "Says something."
    [call] = [call for call in relayed_calls(document) if call.path == "/news"]
    assert (call.method, call.service, call.has_body) == ("GET", "user-service", False)


def test_a_change_that_does_not_say_which_scope_it_needs_stops_the_making(maker):
    router = APIRouter(default_response_class=Response)

    @router.post("/news")
    async def change_news() -> Response:
        return Response()

    service = build_app(service="s", title="S", routers=[router], problems={}, checks={})

    with pytest.raises(ValueError, match="POST /news"):
        maker.merged({"user-service": service})


def test_internal_calls_and_their_schemas_are_not_in_the_document(maker):
    document = maker.merged({"user-service": service_with("/secret", internal=True)})

    assert "/secret" not in document["paths"]
    assert "LookUpRequest" not in json.loads(document_text())["components"]["schemas"]


async def test_nothing_but_what_is_in_the_document_is_reached_through_the_gateway(maker):
    public = set(json.loads(document_text())["paths"])
    hidden = {
        (method, route.path)
        for app in maker.owners().values()
        for route in app.routes
        for method in route.methods
        if route.path not in public
    }
    assert {("POST", "/contact-info/lookup"), ("POST", "/notification")} <= hidden

    # There is no service behind this gateway: what it relays is answered with 503.
    async with asgi_client(build(GatewaySettings(publisher_url="http://localhost:1"))) as client:
        for method, path in hidden:
            answered = await client.request(method, path)
            assert answered.status_code in {200, 404, 405}, (method, path)


def test_services_that_describe_one_schema_in_two_ways_are_told_so(maker):
    one = type("Thing", (BaseModel,), {"__annotations__": {"a": int}})
    other = type("Thing", (BaseModel,), {"__annotations__": {"b": int}})
    services = {
        "user-service": service_with("/one", model=one),
        "notification-publisher": service_with("/other", model=other),
    }

    with pytest.raises(ValueError, match="Thing"):
        maker.merged(services)


def test_a_registered_channel_is_in_the_document(maker, monkeypatch):
    pigeon = channels.Channel(name="pigeon", address_kind=channels.AddressKind.TOKEN)
    monkeypatch.setitem(channels.CHANNELS, "pigeon", pigeon)

    schemas = maker.merged(maker.owners())["components"]["schemas"]

    assert "pigeon" in schemas["Channel"]["enum"]
    assert "pigeon" in schemas["ContactInfo"]["properties"]


def test_what_every_call_may_be_refused_for_is_said_of_each(maker):
    document = maker.merged(maker.owners())
    for path, item in document["paths"].items():
        for method, call in item.items():
            shared = {each["$ref"] for each in call["responses"].values() if "$ref" in each}
            refusals = {
                code
                for response in call["responses"].values()
                for content in response.get("content", {}).values()
                for code in content.get("examples", {})
            } | {reference.rpartition("/")[2] for reference in shared}
            expected = {INVALID_REQUEST.code}
            if "x-service" in call:
                expected |= {"upstream_unavailable", "upstream_timeout", "upstream_failed"}
            if "requestBody" in call:
                expected |= {"invalid_json", "body_too_large"}
            if "requestBody" in call and "x-service" in call:
                expected |= {"unsupported_encoding"}
            if call["security"]:
                expected |= {"unauthenticated", "missing_scope", "key_store_unavailable"}
            if "{" in path:
                expected |= {"invalid_path"}
            assert expected <= refusals, f"{method} {path}"
