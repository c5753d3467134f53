"""How the tests of the whole system are shared out."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a system in one worker: those of one module on one broker."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        params = callspec.params if callspec else {}
        on = params.get("backing", params.get("broker"))
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{on}"))
