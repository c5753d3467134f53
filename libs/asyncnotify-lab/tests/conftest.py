import ssl

import httpx
import pytest
from asyncnotify_lab import Lab


@pytest.fixture
async def lab():
    async with Lab.started() as lab:
        yield lab


@pytest.fixture
def trust(lab):
    return ssl.create_default_context(cafile=lab.ca_file)


@pytest.fixture
async def http(lab):
    async with httpx.AsyncClient(base_url=lab.http_url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
async def http2(lab, trust):
    async with httpx.AsyncClient(
        base_url=lab.https_url, verify=trust, http2=True, http1=False, trust_env=False, timeout=60
    ) as client:
        yield client
