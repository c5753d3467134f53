import re

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_page_loads_nothing_from_elsewhere(client):
    page = await client.get("/docs")

    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) >= 4
    assert not [link for link in links if "//" in link]
    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'"
    )


async def test_everything_that_the_page_loads_is_there(client):
    page = await client.get("/docs")

    for link in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        asset = await client.get(f"/{link}")
        assert asset.status_code == 200, link
        assert len(asset.content) > 100
        assert asset.headers["Content-Type"].split(";")[0] in {
            "text/javascript",
            "text/css",
            "image/svg+xml",
        }


async def test_the_page_asks_no_validator_on_the_internet(client):
    script = await client.get("/docs/swagger.js")

    assert "validatorUrl: null" in script.text
    assert "//" not in re.sub(r"^\s*//.*$| // .*$", "", script.text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["nothing.js", "..%2fsettings.py", "swagger.html"])
async def test_other_files_are_not_served(client, name):
    answer = await client.get(f"/docs/{name}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_the_document_is_served(client):
    answer = await client.get("/openapi.json")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["info"]["title"] == "AsyncNotify"


async def test_the_page_is_found_with_a_slash_at_its_end_too(client):
    answer = await client.get("/docs/")

    assert (answer.status_code, answer.headers["Location"]) == (307, "../docs")
