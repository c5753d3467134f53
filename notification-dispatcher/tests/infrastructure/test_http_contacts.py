import json
from dataclasses import dataclass, field

import pytest
from notification_dispatcher.application.ports import ContactsUnavailable, UnknownUser
from notification_dispatcher.infrastructure.contacts import HttpContactDirectory
from service_kit.http.client import UpstreamResponse, UpstreamTimeout, UpstreamUnavailable

ADA = {"email": "ada@example.com", "sms": None, "push": "", "preferred_channel": "email"}


@dataclass
class CannedHttp:
    answer: UpstreamResponse | Exception
    paths: list[str] = field(default_factory=list)

    async def request(self, method, path, **_):
        self.paths.append(f"{method} {path}")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answering(status, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CannedHttp(UpstreamResponse(status, {}, content))


async def contact_of(http, user_id="ada"):
    return await HttpContactDirectory(http=http).contact_of(user_id)


async def test_the_answer_becomes_a_contact():
    contact = await contact_of(answering(200, ADA))

    assert contact.preferred_channel == "email"
    assert contact.address_on("email") == "ada@example.com"
    assert contact.address_on("sms") is None
    assert contact.address_on("push") is None


async def test_fields_of_a_later_release_are_ignored():
    contact = await contact_of(answering(200, ADA | {"language": "en", "fax": {"number": 1}}))

    assert contact.address_on("email") == "ada@example.com"


@pytest.mark.parametrize("user_id", ["a/b", "..", "x?y=1", "a%2fb", "#", "ü"])
async def test_a_user_id_is_one_segment_of_the_path_whatever_it_holds(user_id):
    http = answering(200, ADA)
    await contact_of(http, user_id)

    [path] = http.paths
    assert path.startswith("GET /users/")
    segment = path.removeprefix("GET /users/").removesuffix("/contact-info")
    assert not set(segment) & set("/?#")
    assert segment != user_id


@pytest.mark.parametrize("body", [{"code": "user_not_found"}, {}])
async def test_a_404_about_the_user_means_that_there_is_none(body):
    with pytest.raises(UnknownUser):
        await contact_of(answering(404, body))


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
async def test_whatever_else_comes_back_means_that_it_cannot_be_told_now(http):
    with pytest.raises(ContactsUnavailable):
        await contact_of(http)
