import subprocess
from pathlib import Path

import pytest
import yaml


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tracked(root) -> list[Path]:
    """Every file that is part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]


@pytest.fixture(scope="session")
def compose(root) -> dict:
    return yaml.safe_load((root / "docker-compose.yml").read_text())


@pytest.fixture(scope="session")
def services() -> list[str]:
    return ["gateway", "notification-publisher", "notification-dispatcher", "user-service"]


@pytest.fixture(scope="session")
def packages(tracked) -> dict[str, Path]:
    return {
        path.parent.name: path.parent
        for path in tracked
        if path.name == "__init__.py" and path.parent.parent.name == "src"
    }
