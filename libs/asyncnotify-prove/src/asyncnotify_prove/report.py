"""The report of a chaos run: Markdown for people, JSON for programs."""

import json
import platform
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from asyncnotify_prove.faults import MEANING, Fault, PlannedFault
from asyncnotify_prove.promises import JsonObject
from asyncnotify_prove.reconcile import Findings

SHOWN_BREACHES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that a run found out. `recoveries` are seconds, by what recovered,
    `evidence` the records of those that promises were broken to."""

    started_at: datetime
    seed: int
    seconds: float
    drain_seconds: float
    broker: str
    providers: str = "fakes"
    lease: float
    faults: Sequence[PlannedFault]
    findings: Findings
    left_out: Mapping[Fault, str]
    repeated: int
    withdrawn: int
    refusals: Mapping[str, int]
    unpromised: Sequence[str]
    recoveries: Mapping[str, Sequence[float]]
    evidence: Mapping[str, JsonObject]

    @property
    def is_kept(self) -> bool:
        """Tell whether every promise was kept, and anything was promised at all."""
        return self.findings.is_kept and self.findings.accepted > 0

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        findings = self.findings
        return {
            "started_at": self.started_at.isoformat(),
            "kept": self.is_kept,
            "seed": self.seed,
            "seconds": self.seconds,
            "drain_seconds": round(self.drain_seconds, 1),
            "broker": self.broker,
            "providers": self.providers,
            "ends_of_doubts": dict(findings.doubts),
            "lease_seconds": self.lease,
            "machine": {"system": platform.platform(), "python": platform.python_version()},
            "accepted": findings.accepted,
            "by_status": dict(findings.by_status),
            "failed_by_reason": dict(findings.failed_by_reason),
            "lost": findings.lost,
            "duplicates_explained": findings.duplicates_explained,
            "received_without_answer": findings.received_without_answer,
            "broken_promises": findings.broken,
            "asked_again_under_their_key": self.repeated,
            "withdrawn": self.withdrawn,
            "in_doubt": findings.in_doubt,
            "records_of_broken_promises": dict(self.evidence),
            "refusals": dict(self.refusals),
            "never_promised": len(self.unpromised),
            "faults": [
                {"at_seconds": each.at_seconds, "fault": each.fault, "detail": each.detail}
                for each in self.faults
            ],
            "left_out": dict(self.left_out),
            "recovery_seconds": {name: _spread(times) for name, times in self.recoveries.items()},
        }

    def as_markdown(self) -> str:
        """Return the report for people."""
        findings = self.findings
        verdict = "every promise was kept" if self.is_kept else "PROMISES WERE BROKEN"
        lines = [
            f"# Chaos run: {verdict}",
            "",
            f"{self.started_at:%Y-%m-%d %H:%M} UTC, seed {self.seed}, {self.seconds:.0f} s of "
            f"faults, then {self.drain_seconds:.0f} s until all had settled; broker "
            f"{self.broker}, providers {self.providers}, a lease of {self.lease:g} s; "
            f"{platform.platform()}, Python {platform.python_version()}.",
            "",
            *_table(
                ("what", "count"),
                [
                    ("accepted (202)", findings.accepted),
                    *_ends(findings),
                    ("**lost**", len(findings.lost)),
                    (
                        "sent twice, explained by a crash or a lost answer",
                        len(findings.duplicates_explained),
                    ),
                    ("of all, those in doubt: `ambiguous`", findings.in_doubt),
                    ("repeated under their key", self.repeated),
                    ("tried to cancel", self.withdrawn),
                    ("broken promises", len(findings.broken)),
                    ("requested, but never accepted", len(self.unpromised)),
                ],
            ),
            "",
            *_table(("a provider's answer was lost", "times"), sorted(findings.doubts.items())),
            "",
            *_table(("fault", "times", "what was done"), self._fault_rows()),
            "",
            *(f"Not tried: `{fault}`; {why}.\n" for fault, why in self.left_out.items()),
            *_table(("recovery", "median s", "longest s", "times"), self._recovery_rows()),
        ]
        if findings.broken:
            lines += ["", "## Broken promises", ""]
            lines += [f"- {breach}" for breach in findings.broken[:SHOWN_BREACHES]]
        return "\n".join(lines) + "\n"

    def _fault_rows(self) -> list[tuple[object, ...]]:
        counts = Counter(each.fault for each in self.faults)
        return [(f"`{fault}`", count, MEANING[fault]) for fault, count in sorted(counts.items())]

    def _recovery_rows(self) -> list[tuple[object, ...]]:
        return [
            (name, spread["median"], spread["longest"], spread["times"])
            for name, times in self.recoveries.items()
            if (spread := _spread(times))["times"]
        ]


def write(outcome: Outcome, folder: Path) -> tuple[Path, Path]:
    """Write both reports into a folder; return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    markdown, document = folder / "prove.md", folder / "prove.json"
    markdown.write_text(outcome.as_markdown())
    document.write_text(json.dumps(outcome.as_json(), indent=2) + "\n")
    return markdown, document


def _spread(times: Sequence[float]) -> dict[str, float]:
    if not times:
        return {"median": 0.0, "longest": 0.0, "times": 0}
    return {
        "median": round(statistics.median(times), 2),
        "longest": round(max(times), 2),
        "times": len(times),
    }


def _ends(findings: Findings) -> Iterator[tuple[str, int]]:
    for status, count in sorted(findings.by_status.items()):
        yield f"ended as {status}", count
        if status == "failed":
            for reason, of_these in sorted(findings.failed_by_reason.items()):
                yield f"— with reason {reason}", of_these


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
