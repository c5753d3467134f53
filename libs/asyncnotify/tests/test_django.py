"""Django's mail through AsyncNotify, with a real Django."""

import json
import threading
from email.mime.image import MIMEImage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from asyncnotify import Invalid
from asyncnotify.django import EmailBackend, NotCarried, user_id_of
from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test.utils import override_settings

BACKEND = "asyncnotify.django.EmailBackend"
IN_MEMORY = "django.core.mail.backends.locmem.EmailBackend"
if not settings.configured:
    settings.configure(EMAIL_BACKEND=BACKEND, DEFAULT_FROM_EMAIL="shop@example.com")


class Gateway(ThreadingHTTPServer):
    """A gateway that stores users, accepts notifications, and refuses what it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.users = {}
        self.sent = []
        self.connections = set()
        self.keys = set()
        self.refuse = {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, path, part):
        code, status = self.refuse.get(part.get("email") or part.get("message"), (None, None))
        if code:
            return {"status": status, "problem": {"code": code, "title": code}}
        if path == "/users/batch":
            self.users[part["user_id"]] = part["email"]
            return {"status": 201, "user_id": part["user_id"]}
        self.sent.append(part | {"to": self.users[part.pop("user_id")]})
        return {"status": 202, "trace_id": "t"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def do_POST(self):
        [parts] = json.loads(self.rfile.read(int(self.headers["Content-Length"]))).values()
        self.server.connections.add(self.client_address)
        self.server.keys.add(self.headers.get("Authorization"))
        items = [self.server.take(self.path, each) for each in parts]
        body = json.dumps({"items": items}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway():
    with Gateway() as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        with override_settings(
            EMAIL_BACKEND=BACKEND, ASYNCNOTIFY_URL=server.url, ASYNCNOTIFY_KEY="an_test_a_b"
        ):
            yield server
        server.shutdown()
        serving.join()


def message(body="Hello", **fields):
    return EmailMultiAlternatives("Thank you", body, **{"to": ["ada@example.com"]} | fields)


def test_one_setting_sends_djangos_mail(gateway):
    sent = mail.send_mail(
        "Thank you", "Hello", None, ["Ada <ada@example.com>"], html_message="<p>Hello</p>"
    )

    assert sent == 1
    [notification] = gateway.sent
    assert notification.pop("idempotency_key")
    assert notification == {
        "to": "ada@example.com",
        "channel": "email",
        "subject": "Thank you",
        "message": "Hello",
        "html": "<p>Hello</p>",
    }
    assert gateway.users == {user_id_of("ada@example.com"): "ada@example.com"}
    assert gateway.keys == {"Bearer an_test_a_b"}


def test_each_recipient_gets_one_whatever_they_are(gateway):
    message(cc=["bob@example.com", "Ada <ada@example.com>"], bcc=["eve@example.com"]).send()

    assert [each["to"] for each in gateway.sent] == [
        "ada@example.com",
        "bob@example.com",
        "eve@example.com",
    ]


def test_many_mails_share_a_connection(gateway):
    for number in range(5):
        message(f"number {number}").send()

    assert len(gateway.sent) == 5
    assert len(gateway.connections) == 1


def test_a_body_of_html_has_its_text_beside_it(gateway):
    html = message("<p>Hello <b>Ada</b></p>")
    html.content_subtype = "html"
    html.send()

    assert gateway.sent[0]["message"] == "Hello Ada"
    assert gateway.sent[0]["html"] == "<p>Hello <b>Ada</b></p>"


def with_a_file():
    made = message()
    made.attach("ticket.pdf", b"%PDF", "application/pdf")
    return made


def with_an_image():
    made = message()
    made.attach(MIMEImage(b"\x89PNG", "png"))
    return made


def with_a_calendar():
    made = message()
    made.attach_alternative("BEGIN:VCALENDAR", "text/calendar")
    return made


NOT_CARRIED = {
    "attachments": with_a_file,
    "inline images": with_an_image,
    "text/calendar": with_a_calendar,
    "reply_to": lambda: message(reply_to=["help@example.com"]),
    "List-Unsubscribe": lambda: message(headers={"List-Unsubscribe": "<https://example.com>"}),
    "ceo@example.com": lambda: message(from_email="ceo@example.com"),
    "10000 characters": lambda: message("x" * 10_001),
    "without text": lambda: message(""),
}


@pytest.mark.parametrize(("words", "make"), NOT_CARRIED.items(), ids=NOT_CARRIED.keys())
def test_what_can_not_be_carried_is_said_and_nothing_is_sent(gateway, words, make):
    with pytest.raises(NotCarried, match=words):
        make().send()

    assert not gateway.users
    assert not gateway.sent


def test_what_can_not_be_carried_may_go_another_way(gateway):
    mail.outbox = []
    with override_settings(ASYNCNOTIFY_EMAIL_FALLBACK=IN_MEMORY):
        assert with_a_file().send() == 1
        assert message().send() == 1

    assert [each.attachments[0][0] for each in mail.outbox] == ["ticket.pdf"]
    assert len(gateway.sent) == 1


def test_some_of_it_may_be_left_out(gateway):
    with override_settings(ASYNCNOTIFY_EMAIL_IGNORE=["from_email", "reply_to", "headers"]):
        message(
            from_email="ceo@example.com", reply_to=["a@example.com"], headers={"X-A": "b"}
        ).send()
    with pytest.raises(ValueError, match="attachments"):
        EmailBackend(ignore=["attachments"])

    assert len(gateway.sent) == 1


def test_the_same_mail_may_be_sent_again_under_its_key(gateway):
    for _ in range(2):
        message(cc=["bob@example.com"], headers={"Idempotency-Key": "order-17"}).send()

    keys = [each["idempotency_key"] for each in gateway.sent]
    assert keys[:2] == keys[2:]
    assert len(set(keys)) == 2


@pytest.mark.parametrize("refused", ["ada@example.com", "Hello"])
def test_what_is_refused_is_an_error_unless_it_is_to_be_silent(gateway, refused):
    gateway.refuse[refused] = ("invalid_request", 422)
    with pytest.raises(Invalid):
        message().send()

    assert message().send(fail_silently=True) == 0


def test_a_mail_to_nobody_is_none(gateway):
    assert EmailBackend().send_messages([EmailMessage("Hi", "Hello")]) == 0


def test_a_mailer_of_django_6_gives_its_options_and_its_name(gateway):
    backend = EmailBackend(alias="default", url=gateway.url, key="an_live_c_d")

    assert backend.send_messages([message()]) == 1
    assert "Bearer an_live_c_d" in gateway.keys
