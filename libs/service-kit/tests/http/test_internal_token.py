"""Services that share a secret answer each other, and nobody else."""

import pytest
from fastapi import APIRouter, Response
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient
from service_kit.http.internal_token import internal_headers, internal_token_of
from service_kit.settings import ServiceSettings
from testkit.http import asgi_client, live_server

NEW, OLD = "new-0123456789abcdef", "old-0123456789abcdef"
OPEN = ("/health/live", "/health/ready", "/metrics")


def app_of(internal_token):
    router = APIRouter()

    @router.post("/things")
    async def make() -> Response:
        return Response("made")

    token = internal_token_of(ServiceSettings(internal_token=internal_token))
    admission = Admission(token=token)
    return build_app(
        service="kit", title="Kit", routers=[router], problems={}, checks={}, admission=admission
    )


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([NEW], 200),
        ([OLD], 200),
        ([], 401),
        ([""], 401),
        (["new-0123456789abcdeF"], 401),
        ([NEW[:-1]], 401),
        ([f"{NEW},{OLD}"], 401),
        (["ü".encode("latin-1")], 401),
        ([NEW, "x"], 401),
        (["x", NEW], 401),
    ],
)
async def test_only_a_call_with_one_of_the_secrets_is_answered(given, status):
    async with asgi_client(app_of(f"{NEW}, {OLD}")) as client:
        headers = [("X-Internal-Token", each) for each in given]
        answer = await client.post("/things", headers=headers)

    assert answer.status_code == status
    if status == 401:
        assert answer.json()["code"] == "unknown_caller"
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", "/health", "/health/../things", "/health%2F..%2Fthings"])
async def test_no_spelling_of_a_path_leads_past_it(path):
    async with asgi_client(app_of(NEW)) as client:
        assert (await client.post(path)).status_code in {401, 404, 405}
        assert "made" not in (await client.post(path)).text


@pytest.mark.parametrize("path", OPEN)
async def test_health_and_metrics_are_open_but_not_to_who_has_a_wrong_secret(path):
    async with asgi_client(app_of(NEW)) as client:
        without = await client.get(path)
        wrong = await client.get(path, headers={"X-Internal-Token": OLD})

    assert (without.status_code, wrong.status_code) == (200, 401)


async def test_without_a_secret_all_are_answered_whatever_they_send():
    async with asgi_client(app_of("")) as client:
        assert (await client.post("/things")).status_code == 200
        assert (await client.post("/things", headers={"X-Internal-Token": "x"})).is_success


async def test_a_client_sends_the_first_one_with_requests_and_streams_and_shows_none():
    settings = ServiceSettings(internal_token=f"{NEW},{OLD}")
    async with live_server(app_of(NEW)) as url:
        client = UpstreamClient(url, headers=internal_headers(settings))
        answer = await client.request("POST", "/things", headers={"X-Other": "1"})
        async with client.stream("POST", "/things") as stream:
            status = stream.status
        await client.stop()

    shown = f"{settings!r}{internal_token_of(settings)!r}{client!r}"
    assert (answer.status, status) == (200, 200)
    assert "0123456789abcdef" not in shown
