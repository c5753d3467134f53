from typing import Any

import httpx
import pytest


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    found: dict[str, Any] = answer.json()
    return found


async def test_every_reference_in_the_document_leads_somewhere(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]

    def check(node: object) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/components/schemas/") in schemas
            for each in node.values():
                check(each)
        if isinstance(node, list):
            for each in node:
                check(each)

    check(document)


async def test_every_call_is_documented_with_its_answers(document: dict[str, Any]) -> None:
    paths: dict[str, dict[str, dict[str, dict[str, object]]]] = document["paths"]

    documented = {
        f"{method.upper()} {path}": set(call["responses"])
        for path, calls in paths.items()
        for method, call in calls.items()
    }

    assert documented["POST /notifications"] == {"200", "202", "400", "413", "422", "503"}
    assert documented["GET /notifications"] == {"200", "422", "503"}
    assert documented["GET /notifications/{trace_id}"] >= {"200", "404", "503"}
    assert documented["DELETE /notifications/{trace_id}"] >= {"200", "404", "409", "503"}
    assert documented["GET /notifications/{trace_id}/events"] >= {"200", "204", "404", "422", "503"}
    assert documented["GET /events"] >= {"200", "422", "503"}
    assert documented["POST /dead-letters/replay"] >= {"200", "400", "413", "422", "503"}
    assert documented["POST /dead-letters/{trace_id}/replay"] >= {"202", "404", "409", "503"}
    assert documented["DELETE /dead-letters/{trace_id}"] >= {"204", "404", "409", "503"}
    assert "POST /notification" not in documented


async def test_the_body_of_a_request_is_documented_though_the_route_parses_it(
    document: dict[str, Any],
) -> None:
    call = document["paths"]["/notifications"]["post"]

    reference = call["requestBody"]["content"]["application/json"]["schema"]
    assert reference == {"$ref": "#/components/schemas/NotificationRequest"}
    schemas = document["components"]["schemas"]
    schema = schemas["NotificationRequest"]
    assert schema["required"] == ["user_id", "message"]
    known, nothing = schema["properties"]["priority"]["anyOf"]
    assert known == {"$ref": "#/components/schemas/Priority"}
    assert (schemas["Priority"]["enum"], nothing) == (["high", "normal", "low"], {"type": "null"})
    assert [parameter["name"] for parameter in call["parameters"]] == ["Idempotency-Key", "Prefer"]


async def test_readiness_shows_the_durability_of_the_queue(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {
        "queue": {
            "status": "ok",
            "durability": "memory",
            "faults": "messages are kept in memory only",
        },
        "ledger": {
            "status": "ok",
            "kept": "in this process's memory, until it ends",
            "overdue": "0",
        },
    }
