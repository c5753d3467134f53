"""Compares what was promised with what the ledger says and what the provider received."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asyncnotify_prove.doubts import end_of_doubt
from asyncnotify_prove.promises import ENDED, JsonObject, Promise
from asyncnotify_prove.timelines import UNCERTAIN_REASONS, Step, breaches


@dataclass(slots=True, kw_only=True)
class Findings:
    """What the comparison found. Any entry in `broken` is a broken promise."""

    accepted: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    failed_by_reason: Counter[str] = field(default_factory=Counter)
    in_doubt: int = 0
    doubts: Counter[str] = field(default_factory=Counter)
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
    steps: Mapping[str, Sequence[Step]],
    received: Iterable[JsonObject],
) -> Findings:
    """Compare the accounts.

    `records` are the ledger's notifications by trace id, as `GET /notifications/{trace_id}` answers
    them, `steps` their timelines; `received` the provider's own lines, each with `trace_id` and
    `message`, where a message is the idempotency key of its request. A line with `is_repeat` took
    the place of an earlier one.
    """
    findings = Findings(accepted=len(promises))
    deliveries: Counter[str] = Counter()
    repeats: Counter[str] = Counter()
    trace_ids: defaultdict[str, set[str]] = defaultdict(set)
    for line in received:
        counted = repeats if line.get("is_repeat") else deliveries
        counted[line["trace_id"]] += 1
        trace_ids[line["message"]].add(line["trace_id"])
    for promise in promises:
        trace_ids[promise.key] |= {promise.trace_id, *promise.answers}
        record, copies = records.get(promise.trace_id), deliveries[promise.trace_id]
        timeline = steps.get(promise.trace_id, ())
        found = [
            *_wrong_end(promise, record, copies, timeline),
            *breaches(promise, timeline, copies),
        ]
        findings.broken += [f"{promise.trace_id} {breach}" for breach in found]
        _count(findings, promise, record)
        end = end_of_doubt(
            timeline,
            copies=copies,
            repeats=repeats[promise.trace_id],
            reason=record["reason"] if record else None,
        )
        findings.doubts.update([end] if end else [])
        doubts = _doubts(timeline)
        if copies > 1 and len(doubts) >= copies - 1:
            findings.duplicates_explained[promise.trace_id] = ", ".join(doubts)
    for key, ids in trace_ids.items():
        if len(ids) > 1:
            findings.broken.append(f"key {key} made {len(ids)} notifications: {sorted(ids)}")
    promised = {promise.trace_id for promise in promises}
    findings.received_without_answer = sum(1 for each in deliveries if each not in promised)
    return findings


def _count(findings: Findings, promise: Promise, record: JsonObject | None) -> None:
    if record is None or record["status"] not in ENDED:
        findings.lost.append(promise.trace_id)
        return
    findings.by_status[record["status"]] += 1
    if record["status"] == "failed":
        findings.failed_by_reason[record["reason"]] += 1
    findings.in_doubt += record["reason"] == "ambiguous"


def _wrong_end(
    promise: Promise, record: JsonObject | None, copies: int, steps: Sequence[Step]
) -> list[str]:
    if record is None:
        return ["is lost: unknown to the ledger"]
    status, reason = record["status"], record["reason"]
    if status not in ENDED:
        return [f"is lost: still {status}"]
    found, outcome = [], f"{status}:{reason}" if reason else status
    # Where a worker died, or an answer was lost, the outcome is unknown: then this is how it fails.
    fails = any(each.startswith("failed:") for each in promise.expected)
    is_in_doubt = fails and outcome == "failed:ambiguous" and _doubts(steps[:-1])
    if outcome not in promise.expected and not is_in_doubt:
        found.append(f"is {outcome}, not {' or '.join(sorted(promise.expected))}")
    if status == "sent" and copies == 0:
        found.append("says sent, but the provider never got it")
    if status != "sent" and copies and reason != "ambiguous":
        found.append(f"is {outcome}, but the provider got it")
    if reason == "ambiguous" and not any(step.status == "sending" for step in steps):
        found.append(f"is {outcome}, but no worker had started to send it")
    if promise.is_cancelled is not None and promise.is_cancelled != (status == "cancelled"):
        said = "was reported as cancelled" if promise.is_cancelled else "was past cancelling"
        found.append(f"{said}, and is {outcome}")
    return found


def _doubts(steps: Sequence[Step]) -> list[str]:
    return [str(step.reason) for step in steps if step.reason in UNCERTAIN_REASONS]
