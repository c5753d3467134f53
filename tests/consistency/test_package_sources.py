"""Where packages and images come from is for each user's own settings to say."""

import re
from urllib.parse import urlsplit

import pytest

# Neither what is run, nor a text for people, nor the settings of a running system.
OTHERS = re.compile(
    r"(^|/)(src|tests|docs|img|benchmarks)/|(^|/)(LICENSE|make_openapi\.py|.+\.(md|example))$"
)
URL = re.compile(r"[\w+.-]+://[^\s\"'<>)]+")
CHOICE = re.compile(
    r"(?<!no-emit-)index[-_]?url|default[-_]index|--index\b|uv\.(index|sources)|find[-_]links"
    r"|trusted[-_]host|registry|repository[-_]url",
    re.IGNORECASE,
)
IMAGE_OF_A_HOST = re.compile(r"(?:FROM|image:)\s+[\w-]+(?:\.[\w-]+)+(?::\d+)?/")


@pytest.fixture
def own_hosts(compose):
    return {"localhost", "127.0.0.1", *compose["services"]}


def sources(text, own_hosts):
    """Return what says where to take something from."""
    hosts = [(url, urlsplit(url).hostname) for url in URL.findall(text)]
    found = [url for url, host in hosts if host and host not in own_hosts]
    named = (*CHOICE.finditer(text), *IMAGE_OF_A_HOST.finditer(text))
    return found + [each[0] for each in named]


def test_no_file_of_the_building_and_installing_says_where_packages_come_from(
    root, tracked, own_hosts
):
    texts = {
        name: path.read_text("utf-8", "replace")
        for path in tracked
        if not OTHERS.search(name := str(path.relative_to(root)))
    }
    said = {name: sources(text, own_hosts) for name, text in texts.items()}

    assert {"Dockerfile", "Makefile", ".ci/run", "requirements/run.txt"} <= said.keys()
    assert not {name: found for name, found in said.items() if found}


@pytest.mark.parametrize(
    "line",
    [
        "--index-url packages",
        "-i https://packages.example/simple",
        "ENV PIP_EXTRA_INDEX_URL=$THERE",
        "uv pip install --index there x",
        "[[tool.uv.index]]",
        'find-links = ["wheels"]',
        "pip install --trusted-host packages x",
        "redis @ https://files.example/redis-1-py3-none-any.whl",
        "x @ git+ssh://git@code.example/x",
        "registry=there",
        "FROM images.example/python:3.13-slim",
        "  image: images.example:5000/redis",
    ],
)
def test_what_says_where_packages_come_from_is_found(line, own_hosts):
    assert sources(line, own_hosts)
