import pytest


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items):
    """Share work out in pieces that share a system: a file, or what of it runs on one broker."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        broker = next((str(params[each]) for each in ("backing", "broker") if each in params), "")
        item.add_marker(pytest.mark.xdist_group(f"{item.path}-{broker}"))
