"""The client has a method for every call of the API, and an attribute for every field."""

import inspect
import json
import re
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints

import httpx
import pytest
from asyncnotify import AsyncNotify, AsyncNotifyError, models
from asyncnotify.models import Answer
from gateway.document import document_text

DOCUMENT = json.loads(document_text())
NOT_FOR_PROGRAMS = {
    "get_openapi": "the document itself",
    "get_docs": "a page",
    "get_liveness": "for whoever watches the process",
    "get_metrics": "for Prometheus",
    "take_receipt": "providers call it",
    "start_session": "for pages; programs have keys",
    "get_session": "for pages",
    "end_session": "for pages",
}
ARGUMENTS = {"contact": {"email": "ada@example.com"}, "notifications": [{}], "users": [{}]}
SCHEMAS = {  # where the client's name is not the document's
    "ReplayAnswer": "Replayed",
    "ForgetAnswer": "Forgotten",
    "NotificationAccepted": "Accepted",
    "NotificationContent": "Content",
    "Sent": "TrialMessage",
    "DeadLetterPage": "NotificationPage",
}


def methods():
    found = inspect.getmembers(AsyncNotify, inspect.isfunction)
    return {name: each for name, each in found if not name.startswith("_") and name != "close"}


def operations():
    """List the calls of the document: method, path, id."""
    return [
        (method.upper(), path, call["operationId"])
        for path, item in DOCUMENT["paths"].items()
        for method, call in item.items()
    ]


def operation_of(request):
    for method, path, name in operations():
        # A name in a path is its longest match: /notifications/forget is no trace id.
        pattern = re.sub(r"\{[^}]+\}", "name-[a-z_]+", path)
        if request.method == method and re.fullmatch(pattern, request.url.path):
            return name
    return f"{request.method} {request.url.path}"


async def call(method):
    """Call a method with something for each parameter that needs it; return what it asked for."""
    asked = []

    def door(request):
        asked.append(operation_of(request))
        return httpx.Response(404, json={"code": "not_found"})

    parameters = [
        each
        for each in list(inspect.signature(method).parameters.values())[1:]
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    ]
    given = {each.name: ARGUMENTS.get(each.name, f"name-{each.name}") for each in parameters}
    transport = httpx.MockTransport(door)
    async with AsyncNotify("http://door", retry_seconds=0, transport=transport) as notify:
        with pytest.raises(AsyncNotifyError):
            await first_of(method(notify, **given))
    return asked


async def first_of(made):
    return await (anext(made) if inspect.isasyncgen(made) else made)


async def test_every_call_of_the_api_has_a_method_and_no_method_calls_anything_else():
    called = set()
    for method in methods().values():
        called |= set(await call(method))
    called |= set(await call(lambda notify, trace_id: notify.changes(trace_id)))

    public = {name for _, _, name in operations()}
    assert called == public - NOT_FOR_PROGRAMS.keys(), "see libs/asyncnotify/.../calls"
    assert NOT_FOR_PROGRAMS.keys() <= public


def answers(base=Answer):
    for each in base.__subclasses__():
        yield each
        yield from answers(each)


def properties(name):
    return DOCUMENT["components"]["schemas"][name].get("properties", {})


def kinds(schema):
    """What a field may be, in Python's words, without None."""
    if "$ref" in schema:
        return kinds(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    either = schema.get("anyOf") or schema.get("oneOf")
    if either:
        return set().union(*map(kinds, either))
    if schema.get("format") == "date-time":
        return {"datetime"}
    found = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
    found |= {"array": "list", "object": "dict"}
    return {found[schema["type"]]} if schema.get("type") in found else set()


def kind_of(hint):
    """What an attribute is, in the same words."""
    [kind] = {*(get_args(hint) if isinstance(hint, UnionType) else (hint,))} - {NoneType}
    plain = get_origin(kind) or kind
    return "dict" if issubclass(plain, dict) else plain.__name__


def test_every_field_of_an_answer_is_an_attribute():
    known = {each.__name__: each for each in answers()}
    compared = 0
    for name in DOCUMENT["components"]["schemas"]:
        answer = known.get(SCHEMAS.get(name, name))
        if answer is None:
            continue
        compared += 1
        shown = {each: kinds(schema) for each, schema in properties(name).items()}
        hints = get_type_hints(answer)
        missing = shown.keys() - answer.fields() - {"items"}
        assert not missing, f"{answer.__name__} lacks {missing}"
        for field in shown.keys() - {"items"}:
            assert {kind_of(hints[field])} == shown[field], f"{answer.__name__}.{field}"
    assert compared >= 20


def test_every_answer_can_be_imported_from_one_place():
    public = {each for each in answers() if each.__module__.startswith("asyncnotify.models")}

    assert {each.__name__ for each in public} <= set(models.__all__)
    assert all(getattr(models, name) for name in models.__all__)


def test_no_field_hides_a_method_of_dict():
    for each in answers():
        assert not each.fields() & set(dir(dict)), each
