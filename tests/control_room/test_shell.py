"""The frame of every screen: navigation, head, what is said when a part is away."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_a_visitor_sees_the_pipeline_live(page):
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    expect(page.locator(".connection")).to_have_attribute("data-state", "live")
    assert page.url.endswith("#/pipeline")
