"""What docs/client.md says and the examples do, on a whole system."""

import doctest
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from asyncnotify import Client
from asyncnotify.django import user_id_of
from testkit.http import asgi_client

DOCS = Path(__file__).parents[2] / "docs"
CONSOLE = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page():
    """Get what stands in consoles of the page, as one session."""
    path = DOCS / "client.md"
    session = "".join(CONSOLE.findall(path.read_text()))
    return doctest.DocTestParser().get_doctest(session, {}, path.name, str(path), 0)


@pytest.fixture(scope="module")
def broker():
    """The page is about the client: one broker does."""
    return {}


def test_the_consoles_of_the_page_show_what_happens(system, page, monkeypatch):
    page.examples[1].source = f"notify = Client({system.url!r})\n"
    monkeypatch.setenv("ASYNCNOTIFY_URL", system.url)
    said = []

    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    outcome = runner.run(page, out=said.append)

    assert outcome.failed == 0, "".join(said)
    assert outcome.attempted > 25


async def test_the_example_of_fastapi_sends(system, monkeypatch):
    monkeypatch.setenv("ASYNCNOTIFY_URL", system.url)
    example = runpy.run_path(str(DOCS / "examples/fastapi_shop.py"))
    async with asgi_client(example["app"]) as shop:
        answer = await shop.post("/orders/user_test")
    await example["notify"].close()

    assert answer.status_code == 202
    with Client(system.url) as notify:
        assert notify.wait(answer.json()["trace_id"]).status == "sent"


def test_the_example_of_django_sends(system):
    done = subprocess.run(
        [sys.executable, DOCS / "examples/django_mail.py", "ada@example.com"],
        env=os.environ | {"ASYNCNOTIFY_URL": system.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stderr) == (0, "")
    with Client(system.url) as notify:
        [sent] = notify.iter_notifications(user_id=user_id_of("ada@example.com"))
        notify.wait(sent.trace_id)
    [mail] = [each for each in system.received() if each["address"] == "ada@example.com"]
    assert mail["message"] == "your purchase was completed successfully"
