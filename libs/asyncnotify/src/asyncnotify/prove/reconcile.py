"""Compares what was promised with what the ledger says and what the provider received."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]

ENDED = frozenset({"sent", "delivered", "failed", "cancelled", "expired"})
# What in a timeline explains that a provider was called twice.
UNCERTAIN_REASONS = frozenset({"lease_lost", "ambiguous"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A client's request that got a 202: its idempotency key, its trace id, how it should end."""

    key: str
    trace_id: str
    expected: str


@dataclass(slots=True, kw_only=True)
class Findings:
    """What the comparison found. Any entry in `broken` is a broken promise."""

    accepted: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    failed_by_reason: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    duplicates_explained: dict[str, str] = field(default_factory=dict)
    received_without_answer: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.broken


def reconcile(
    promises: Sequence[Promise],
    records: Mapping[str, JsonObject],
    received: Iterable[JsonObject],
) -> Findings:
    """Compare the three accounts.

    `records` are the ledger's notifications by trace id, as `GET /notifications/{trace_id}` answers
    them; `received` the provider's own lines, each with `trace_id` and `message`, where a message
    is the idempotency key of its request.
    """
    findings = Findings(accepted=len(promises))
    deliveries: defaultdict[str, int] = defaultdict(int)
    trace_ids: defaultdict[str, set[str]] = defaultdict(set)
    for line in received:
        deliveries[line["trace_id"]] += 1
        trace_ids[line["message"]].add(line["trace_id"])
    for promise in promises:
        trace_ids[promise.key].add(promise.trace_id)
        record = records.get(promise.trace_id)
        _check_record(findings, promise, record, deliveries[promise.trace_id])
        _check_duplicates(findings, promise, record, deliveries[promise.trace_id])
    for key, ids in trace_ids.items():
        if len(ids) > 1:
            findings.broken.append(f"key {key} made {len(ids)} notifications: {sorted(ids)}")
    promised = {promise.trace_id for promise in promises}
    findings.received_without_answer = sum(1 for each in deliveries if each not in promised)
    return findings


def _check_record(
    findings: Findings, promise: Promise, record: JsonObject | None, count: int
) -> None:
    if record is None or record["status"] not in ENDED:
        where = "unknown to the ledger" if record is None else f"still {record['status']}"
        findings.lost.append(promise.trace_id)
        findings.broken.append(f"{promise.trace_id} is lost: {where}")
        return
    status, reason = record["status"], record["reason"]
    findings.by_status[status] += 1
    if status == "failed":
        findings.failed_by_reason[reason] += 1
    outcome = f"{status}:{reason}" if status == "failed" else status
    # Where a worker died, or an answer was lost, nobody can know: then this is how it fails.
    is_in_doubt = reason == "ambiguous" and promise.expected.startswith("failed:")
    if outcome != promise.expected and not (is_in_doubt and _has_doubts(record)):
        findings.broken.append(f"{promise.trace_id} is {outcome}, not {promise.expected}")
    if status == "sent" and count == 0:
        findings.broken.append(f"{promise.trace_id} says sent, but the provider never got it")
    if status != "sent" and count and reason != "ambiguous":
        findings.broken.append(f"{promise.trace_id} is {outcome}, but the provider got it")


def _has_doubts(record: JsonObject) -> bool:
    timeline: list[JsonObject] = record["timeline"]
    return any(entry["reason"] in UNCERTAIN_REASONS for entry in timeline[:-1])


def _check_duplicates(
    findings: Findings, promise: Promise, record: JsonObject | None, count: int
) -> None:
    if count < 2:
        return
    timeline = record["timeline"] if record else []
    reasons = [entry["reason"] for entry in timeline if entry["reason"] in UNCERTAIN_REASONS]
    if len(reasons) >= count - 1:
        findings.duplicates_explained[promise.trace_id] = ", ".join(reasons)
    else:
        findings.broken.append(
            f"{promise.trace_id} was sent {count} times, explained {len(reasons)} times"
        )
