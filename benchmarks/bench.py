"""Measures the product beside others, and writes the figures into `docs/performance.md`.

make bench                              all but growth; thirteen minutes on two processors
make bench ONLY="accept dispatch"       some sections
make bench ONLY=scale ARGS="--backlog 1000000"          an hour, 3 GB
make bench ONLY=growth                  does memory grow? eleven minutes; only on request
make bench ONLY=report                  only the document, from the figures kept in results/
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from report import write_report
from results import Options

ON_REQUEST = ("growth",)
ROUNDS = {
    "accept": 3,
    "steady": 3,
    "dispatch": 3,
    "rabbitmq": 2,
    "latency": 1,
    "slow": 1,
    "scale": 2,
    "start": 3,
}
SECTIONS = tuple(ROUNDS)
NAMES = ", ".join(SECTIONS + ON_REQUEST)


async def run(section: str, options: Options) -> None:
    """Measure one section and keep what it found."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"bench-{section}-") as folder:
        results = await importlib.import_module(section).measure(Path(folder), options)
    if results.rows:
        results.write()
    print(f"{section}: {time.monotonic() - began:.0f} s\n", flush=True)


def main() -> int:
    """Measure the sections in turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=NAMES)
    parser.add_argument("--rounds", type=int, help="by default one to three")
    parser.add_argument("--count", type=int, default=Options.count, help="in each round")
    parser.add_argument("--backlog", type=int, default=Options.backlog, help="for `scale`")
    given = parser.parse_args()
    unknown = set(given.sections) - {*SECTIONS, *ON_REQUEST, "report"}
    if unknown:
        parser.error(f"there is no section {', '.join(unknown)}; there are {NAMES}")
    for section in given.sections or SECTIONS:
        if section != "report":
            rounds = given.rounds or ROUNDS.get(section, 1)
            options = Options(rounds, given.count, given.backlog)
            uvloop.run(run(section, options))
        write_report()  # each time: a section that fails takes none of the others along
    return 0


if __name__ == "__main__":
    sys.exit(main())
