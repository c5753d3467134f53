import ast
import os
import subprocess
import tomllib
from collections import defaultdict

import pytest


def test_every_service_is_called_the_same_everywhere(root, compose, services):
    for name in services:
        project = tomllib.loads((root / name / "pyproject.toml").read_text())["project"]
        package = name.replace("-", "_")

        assert project["name"] == name
        assert project["scripts"] == {name: f"{package}.__main__:run"}
        assert (root / name / "src" / package / "__main__.py").exists()
        assert compose["services"][name]["build"]["args"] == {"SERVICE": name}


def test_compose_has_the_services_and_what_they_stand_on(compose, services):
    assert set(compose["services"]) >= {*services, "redis"}


def test_only_the_gateway_publishes_a_port_and_only_on_loopback(compose):
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service and "profiles" not in service
    }

    assert list(published) == ["gateway"]
    assert all(port.startswith("${GATEWAY_BIND:-127.0.0.1}:") for port in published["gateway"])


def test_the_top_level_holds_what_it_should(root, tracked):
    top = {path.relative_to(root).parts[0] for path in tracked}

    assert {name for name in top if not name.startswith(".")} <= {
        "gateway",
        "notification-publisher",
        "notification-dispatcher",
        "user-service",
        "libs",
        "docs",
        "tests",
        "benchmarks",
        "img",
        "requirements",
        "docker-compose.yml",
        "Dockerfile",
        "Makefile",
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "pyproject.toml",
    }


def test_the_kit_knows_nothing_of_what_it_carries(root):
    for path in (root / "libs/service-kit/src").rglob("*"):
        if path.suffix in {".py", ".lua"}:
            assert "notification" not in path.read_text().lower(), path


@pytest.mark.parametrize(("asked", "limit"), [("512mb", "512mb"), ("", None)])
def test_the_redis_of_compose_takes_nothing_more_before_the_machine_is_out_of_memory(
    compose, tmp_path, asked, limit
):
    entrypoint = tmp_path / "docker-entrypoint.sh"
    entrypoint.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    entrypoint.chmod(0o755)
    shell, flag, line = compose["services"]["redis"]["command"]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDIS_MAXMEMORY": asked}

    said = subprocess.run(
        [shell, flag, line.replace("$$", "$")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")

    settings = dict(zip(said[1::2], said[2::2], strict=False))
    half_kb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2048
    assert said[0] == "redis-server"
    assert settings["--maxmemory"] == (limit or f"{half_kb}kb")
    assert settings["--maxmemory-policy"] == "noeviction"
    assert (settings["--appendonly"], settings["--appendfsync"]) == ("yes", "always")
    assert settings["--save"] == ""


def test_no_two_classes_share_a_name_across_packages(root, packages):
    """Test support counts too: a reader of a test must not take one class for another.

    What users of the client import has the names that they expect: services never import it.
    """
    places = defaultdict[str, list[str]](list)
    client = packages["asyncnotify"]
    of_users = {client / "errors.py", *(client / "models").glob("*.py")}
    for package in packages.values():
        for path in set(package.rglob("*.py")) - of_users:
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(str(path.relative_to(root)))

    assert {name: found for name, found in places.items() if len(found) > 1} == {}
