"""axe-core finds nothing serious on any screen, light or dark, and a phone cuts nothing off."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
SERIOUS = ("serious", "critical")
SCREENS = {
    "pipeline": "Delivery by chat",
    "notifications": None,
    "dead-letters": None,
    "outbox": None,
    "send": None,
    "users": "Users",
    "users/user_test": "Addresses of user_test",
    "providers": "Providers",
    "webhooks": "Webhooks",
    "keys": None,
    "activity": None,
}


@pytest.fixture(scope="module")
def settings():
    return {"SMS_PROVIDERS": "fake://?script=429-after-600s,fake://"}


@pytest.fixture(scope="module", autouse=True)
def something_to_see(system):
    with httpx.Client(base_url=system.url, trust_env=False, timeout=60) as http:
        for user in ("user_test", "nobody"):
            request = {"user_id": user, "message": "m", "channel": "sms"}
            http.post("/notifications", json=request).raise_for_status()
        http.post("/webhooks", json={"url": "https://hooks.invalid/"}).raise_for_status()


@pytest.fixture(scope="module")
def axe():
    return Axe()


def violations(axe, page):
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (each["id"], each["help"], [node["html"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_screen(open_page, axe, theme):
    page = open_page(color_scheme=theme, reduced_motion="reduce")
    expect(page.get_by_role("link", name="Dead letters 1")).to_be_visible()
    found = {}
    for place, region in SCREENS.items():
        show(page, place, region)
        found[place] = violations(axe, page)

    assert not {place: each for place, each in found.items() if each}


def test_nothing_sticks_out_on_a_phone(open_page):
    page = open_page(viewport={"width": 360, "height": 740})
    widths = {}
    for place, region in SCREENS.items():
        show(page, place, region)
        widths[place] = page.evaluate("document.documentElement.scrollWidth")

    assert set(widths.values()) == {360}, widths


def test_axe_finds_nothing_serious_in_dialogs_and_the_open_menu(open_page, axe):
    page = open_page("#/webhooks", viewport={"width": 900, "height": 900})
    page.get_by_role("button", name="Screens").click()
    menu = violations(axe, page)
    page.get_by_role("button", name="Add a webhook…").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    assert (menu, violations(axe, page)) == ([], [])


def show(page, place, region):
    page.evaluate("place => { location.hash = '#/' + place }", place)
    name = place.split("/")[0]
    expect(page.locator(f".view[data-view={name}] h1")).to_be_visible()
    expect(page.locator("[aria-busy=true], .spinner")).to_have_count(0)
    if region:
        expect(page.get_by_role("region", name=region, exact=True)).to_be_visible()
