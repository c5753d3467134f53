"""Print the folders of a package of this repository and of those that it requires, one a line.

python requirements/own_packages.py gateway
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(name: str) -> None:
    """Follow the requirements that the packages declare, without extras."""
    folders, needs = {}, {}
    for path in (*ROOT.glob("*/pyproject.toml"), *ROOT.glob("libs/*/pyproject.toml")):
        project = tomllib.loads(path.read_text())["project"]
        folders[project["name"]] = path.parent.relative_to(ROOT)
        needs[project["name"]] = [
            re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in project["dependencies"]
        ]
    found = [name]
    for each in found:
        found += [need for need in needs[each] if need in folders and need not in found]
    for each in found:
        print(f"./{folders[each]}")  # noqa: T201 - its output


if __name__ == "__main__":
    main(sys.argv[1])
