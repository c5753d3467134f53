"""Starts a service: the first thing that its process does."""

import gc
import sys
from importlib import import_module
from types import ModuleType
from typing import Any, cast


def launch(main: str) -> None:
    """Call `run` of the module named `main`, which puts the service together."""
    load(main).run()


def load(main: str) -> ModuleType:
    """Load a service, and nothing that it does not use; return the module named `main`.

    What is loaded now stays. Measured, to look for garbage among it again and again is a quarter of
    the CPU of a start: that begins when the service is ready, see `http.server.settle_memory`.
    """
    gc.disable()
    # What libraries load where it is installed, is hidden as if it were not. Measured: 7 MB and
    # 100 ms. FastAPI looks for models of `pydantic.v1` each time that it meets a type.
    modules = cast("dict[str, Any]", sys.modules)
    modules |= dict.fromkeys(("greenlet", "pydantic.v1", "pygments", "rich"))
    import_module("structlog")
    del modules["greenlet"]  # SQLAlchemy needs it
    return import_module(main)
