import doctest
import re
import subprocess
import sys
from importlib.metadata import distributions

import pytest
from asyncnotify.api import CHANNELS as CLIENT_CHANNELS
from asyncnotify.api import FINAL_STATUSES
from asyncnotify.local.settings import UpSettings
from asyncnotify.settings import KEY_FILE_VARIABLE, KEY_VARIABLE, URL_VARIABLE
from gateway.settings import GatewaySettings
from notification_contracts.channels import BUILT_IN
from notification_contracts.states import Status
from notification_dispatcher.settings import settings_class as dispatcher_settings
from notification_publisher.settings import PublisherSettings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic_settings import BaseSettings
from service_kit.settings import documented_settings
from user_service.settings import UserServiceSettings

SETTINGS: list[type[BaseSettings]] = [
    GatewaySettings,
    PublisherSettings,
    dispatcher_settings(),
    UserServiceSettings,
    UpSettings,
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda cls: cls.__module__)
def test_every_setting_is_in_the_example_and_in_the_operators_handbook(root, settings):
    example = (root / ".env.example").read_text()
    handbook = (root / "docs/operations.md").read_text()

    for row in documented_settings(settings):
        assert row.description, f"{row.name} has no description"
        for name in (row.name, *row.files):
            assert re.search(rf"^#? ?{name}=", example, re.MULTILINE), name
            assert f"`{name}`" in handbook, name


def test_the_settings_of_the_client_are_in_both_as_well(root):
    for name in (URL_VARIABLE, KEY_VARIABLE, KEY_FILE_VARIABLE):
        assert f"\n#{name}=" in (root / ".env.example").read_text()
        assert f"`{name}`" in (root / "docs/operations.md").read_text()


def test_the_client_knows_the_channels_and_the_ends_that_there_are():
    assert tuple(channel.name for channel in BUILT_IN) == CLIENT_CHANNELS
    assert set(FINAL_STATUSES) == {status for status in Status if status.is_final}


def test_the_example_names_no_setting_that_is_not_read(root):
    known = {
        name
        for settings in SETTINGS
        for row in documented_settings(settings)
        for name in (row.name, *row.aliases, *row.files)
    }
    known |= {URL_VARIABLE, KEY_VARIABLE, KEY_FILE_VARIABLE}
    known |= set(re.findall(r"\$\{([A-Z_]+):-", (root / "docker-compose.yml").read_text()))

    named = re.findall(r"^#? ?([A-Z][A-Z_]+)=", (root / ".env.example").read_text(), re.MULTILINE)

    assert set(named) <= known


def test_every_status_is_in_the_picture_and_in_the_table(root):
    picture = re.findall(r'<text class="t c"[^>]*>(\w+)<', (root / "img/states.svg").read_text())
    table = re.findall(r"^\| (\w+) \|", (root / "docs/architecture.md").read_text(), re.MULTILINE)

    assert set(picture) == set(Status)
    assert set(Status) <= set(table)


def test_no_document_has_a_chapter_twice(root, tracked):
    for path in tracked:
        if path.suffix == ".md" and path.name != "CHANGELOG.md":
            headings = re.findall(r"^#+ .*", path.read_text(), re.MULTILINE)
            assert len(headings) == len(set(headings)), path


def test_requirements_are_pinned_with_hashes_and_name_no_host(root):
    for path in (root / "requirements").glob("*.txt"):
        text = path.read_text()
        entries = re.findall(r"^([a-z0-9][^\s=]*)==", text, re.MULTILINE)

        assert entries
        assert text.count("--hash=sha256:") >= len(entries)
        assert "://" not in text


@pytest.mark.parametrize("name", ["run", "dev"])
def test_extras_that_a_requirement_asks_for_are_pinned_as_such(root, name):
    """With hashes pip takes a pin of `x` for no pin of `x[extra]` once a newer `x` is out."""
    text = (root / f"requirements/{name}.txt").read_text()
    pins = [Requirement(line) for line in re.findall(r"^[a-z0-9]\S*==[^\s;]+", text, re.MULTILINE)]
    extras = {canonicalize_name(pin.name): pin.extras for pin in pins}
    installed = {canonicalize_name(each.name): each for each in distributions()}
    known = [installed[name] for name in extras.keys() & installed.keys()]

    assert known
    for each in known:
        for wanted in map(Requirement, each.requires or ()):
            asked = extras[canonicalize_name(each.name)] | {""}
            if not wanted.marker or any(wanted.marker.evaluate({"extra": it}) for it in asked):
                assert wanted.extras <= extras[canonicalize_name(wanted.name)], each.name


def test_every_proof_that_is_named_exists(root, tracked):
    named = set(re.findall(r"`(test_\w+)`", (root / "docs/reliability.md").read_text()))
    sources = "\n".join(path.read_text() for path in tracked if path.suffix == ".py")

    missing = {name for name in named if f"def {name}(" not in sources}

    assert len(named) > 20
    assert not missing


def test_the_figures_about_speed_are_those_that_were_measured(root):
    check = [sys.executable, "benchmarks/report.py", "--check"]

    made = subprocess.run(check, cwd=root, capture_output=True, text=True, check=False)

    assert made.returncode == 0, made.stdout + made.stderr


def test_a_receiver_verifies_an_event_as_its_page_says(root):
    """Run the examples in the page about status webhooks."""
    page = root / "docs/status-webhooks.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)

    assert (failed, tried > 0) == (0, True)
