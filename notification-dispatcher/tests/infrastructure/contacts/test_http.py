import json
from dataclasses import dataclass, field

import pytest
from notification_dispatcher.application.ports import ContactsUnavailable, NoSuchUser
from notification_dispatcher.domain.contact import ContactAddress
from notification_dispatcher.infrastructure.contacts.http import HttpContactDirectory
from service_kit.http.client import UpstreamResponse, UpstreamTimeout, UpstreamUnavailable

ADA = {"email": "ada@example.com", "sms": None, "push": "", "preferred_channel": "email"}


@dataclass
class CannedHttp:
    answer: UpstreamResponse | Exception
    paths: list[str] = field(default_factory=list)
    by_method: dict[str, UpstreamResponse] = field(default_factory=dict)

    async def request(self, method, path, **_):
        self.paths.append(f"{method} {path}")
        answer = self.by_method.get(method, self.answer)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answering(status, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CannedHttp(UpstreamResponse(status, {}, content))


def knowing(fields, user_id="ada"):
    return answering(200, {"contacts": {user_id: fields}})


def refusing_look_ups(answer):
    """Answer as a user-service that does not know, or refuses, the call for many."""
    answer.by_method["POST"] = UpstreamResponse(404, {}, b"{}")
    return answer


async def contact_of(http, user_id="ada"):
    answers = await HttpContactDirectory(http=http).contacts_of([user_id])
    assert list(answers) == [user_id]
    return answers[user_id]


async def test_the_answer_becomes_a_contact():
    contact = await contact_of(knowing(ADA))

    assert contact.preferred_channel == "email"
    assert [each.value for each in contact.on("email")] == ["ada@example.com"]
    assert contact.on("sms") == ()
    assert contact.on("push") == ()


async def test_all_addresses_of_a_channel_are_read_in_order_with_their_health():
    good = {"address": "t-1", "label": "phone", "health": "good", "suppression": None}
    bad = {"address": "t-2", "health": "suppressed", "suppression": {"reason": "bounce"}}
    contact = await contact_of(knowing(ADA | {"addresses": {"push": [good, bad]}}))

    assert contact.on("push") == (
        ContactAddress(value="t-1", label="phone"),
        ContactAddress(value="t-2", suppressed="bounce"),
    )
    assert [each.value for each in contact.on("email")] == ["ada@example.com"]


async def test_what_is_no_address_in_a_list_is_passed_over():
    lists = {"push": [7, {"address": 7}, {"address": "t-1", "health": "suppressed"}], "sms": None}
    contact = await contact_of(knowing(ADA | {"addresses": lists}))

    assert contact.on("push") == (ContactAddress(value="t-1", suppressed="suppressed"),)


async def test_fields_of_a_later_release_are_ignored():
    contact = await contact_of(knowing(ADA | {"language": "en", "fax": {"number": 1}}))

    assert [each.value for each in contact.on("email")] == ["ada@example.com"]


@pytest.mark.parametrize("user_id", ["a/b", "..", "x?y=1", "a%2fb", "#", "ü"])
async def test_a_user_id_is_one_segment_of_the_path_whatever_it_holds(user_id):
    http = refusing_look_ups(answering(200, ADA))
    contact = await contact_of(http, user_id)

    assert [each.value for each in contact.on("email")] == ["ada@example.com"]
    [_, path] = http.paths
    assert path.startswith("GET /users/")
    segment = path.removeprefix("GET /users/").removesuffix("/contact-info")
    assert not set(segment) & set("/?#")
    assert segment != user_id


@pytest.mark.parametrize("body", [{"code": "user_not_found"}, {}])
async def test_a_404_about_the_user_means_that_there_is_none(body):
    assert isinstance(await contact_of(answering(404, body)), NoSuchUser)


@pytest.mark.parametrize(
    "http",
    [
        answering(404, b"<html>no such page</html>"),
        answering(404, {"code": "not_found"}),
        answering(200, b"<html>welcome</html>"),
        answering(200, ["email"]),
        answering(301, b""),
        answering(401, {}),
        answering(500, {}),
        answering(503, {}),
        CannedHttp(UpstreamUnavailable("refused", sent=False)),
        CannedHttp(UpstreamTimeout("too slow", sent=True)),
    ],
)
@pytest.mark.parametrize("asked_as", [lambda http: http, refusing_look_ups])
async def test_every_other_answer_means_that_there_is_no_contact_for_now(http, asked_as):
    assert isinstance(await contact_of(asked_as(http)), ContactsUnavailable)


async def test_one_is_looked_up_by_that_request_too():
    http = knowing(None)

    assert isinstance(await contact_of(http), NoSuchUser)
    assert http.paths == ["POST /contact-info/lookup"]


async def test_many_are_looked_up_by_one_request():
    http = answering(200, {"contacts": {"ada": ADA, "bob": None}})

    answers = await HttpContactDirectory(http=http).contacts_of(["ada", "bob"])

    assert [each.value for each in answers["ada"].on("email")] == ["ada@example.com"]
    assert isinstance(answers["bob"], NoSuchUser)
    assert http.paths == ["POST /contact-info/lookup"]


@pytest.mark.parametrize("status", [404, 405, 413, 422])
async def test_where_that_is_refused_each_is_looked_up_by_itself(status):
    http = answering(200, ADA)
    http.by_method["POST"] = UpstreamResponse(status, {}, b"{}")

    answers = await HttpContactDirectory(http=http).contacts_of(["ada", "eve"])

    assert [answer.on("email")[0].value for answer in answers.values()] == ["ada@example.com"] * 2
    assert http.paths[1:] == ["GET /users/ada/contact-info", "GET /users/eve/contact-info"]


@pytest.mark.parametrize(
    "http",
    [
        answering(200, b"<html>welcome</html>"),
        answering(200, {}),
        answering(200, {"contacts": {}}),
        answering(200, {"contacts": {"ada": 1, "bob": 2}}),
        answering(503, {}),
        CannedHttp(UpstreamUnavailable("refused", sent=False)),
    ],
)
async def test_without_an_answer_that_makes_sense_there_is_no_contact_of_any(http):
    answers = await HttpContactDirectory(http=http).contacts_of(["ada", "bob"])

    assert set(answers) == {"ada", "bob"}
    assert all(isinstance(answer, ContactsUnavailable) for answer in answers.values())
