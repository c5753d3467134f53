import asyncio

import uvloop


def pytest_asyncio_loop_factories():
    """Run each test on both event loops: services run on uvloop, and the client on either."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
