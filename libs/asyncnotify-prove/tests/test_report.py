from collections import Counter
from datetime import UTC, datetime

from asyncnotify_prove.reconcile import Findings
from asyncnotify_prove.report import Outcome


def outcome(findings):
    return Outcome(
        findings=findings,
        faults=[],
        seed=1,
        seconds=60,
        drain_seconds=2,
        started_at=datetime(2027, 1, 31, tzinfo=UTC),
        broker="Redis",
        lease=5,
        left_out={},
        repeated=0,
        withdrawn=0,
        refusals={},
        unpromised=[],
        recoveries={},
        evidence={},
    )


def test_reasons_stand_under_what_failed():
    findings = Findings(accepted=3)
    findings.by_status.update({"sent": 1, "failed": 2})
    findings.failed_by_reason.update(Counter(no_address=1, unknown_user=1))

    lines = outcome(findings).as_markdown().splitlines()
    rows = [line for line in lines if line.startswith(("| ended", "| —"))]

    assert rows == [
        "| ended as failed | 2 |",
        "| — with reason no_address | 1 |",
        "| — with reason unknown_user | 1 |",
        "| ended as sent | 1 |",
    ]
