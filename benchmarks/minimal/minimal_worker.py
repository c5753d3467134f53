"""The minimal worker: dispatches from Redis in batches, and does nothing else.

Two stages; messages are claimed, started and settled in batches of 128, one script each. It keeps a
lease, a record, a timeline and a feed of changes for each message, writes one log line for each
stage and one line of outbox. It has no retries, pauses, caps, expiry, contacts' lookup or recovery,
and fits no other case: what the product does beyond this is what its figures may be higher for.

    minimal_worker.py 5000      fills; without a number it works
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio as redis
import uvloop
from job_counter import job_done

AT_ONCE = 128
TEXT = "Your parcel arrives tomorrow between 9:00 and 11:00."
encode = json.JSONEncoder().encode

CLAIM = """
local ids = redis.call('LPOP', KEYS[1], ARGV[1])
if not ids then return {} end
local now, leases, claimed = redis.call('TIME')[1], {}, {}
for i, id in ipairs(ids) do
  leases[2 * i - 1], leases[2 * i] = now + 60, id
  claimed[2 * i - 1], claimed[2 * i] = id, redis.call('GET', 'body:' .. id)
  redis.call('HSET', 'record:' .. id, 'state', 'leased', 'token', ARGV[2])
end
redis.call('ZADD', KEYS[2], unpack(leases))
return claimed
"""
START = """
local started = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local kept = redis.call('HMGET', 'record:' .. id, 'token', 'state')
  if kept[1] == ARGV[1] and kept[2] == 'leased' then
    redis.call('HSET', 'record:' .. id, 'state', 'started', 'status', 'sending')
    redis.call('APPEND', 'timeline:' .. id, ARGV[2])
    redis.call('XADD', 'changes', 'MAXLEN', '~', 100000, '*', 'c', id .. ' sending')
    started = started + 1
  end
end
return started
"""
SETTLE = """
local settled, status = 0, ARGV[2]
for i = 4, #ARGV do
  local id = ARGV[i]
  if redis.call('HGET', 'record:' .. id, 'token') == ARGV[1]
      and redis.call('ZREM', KEYS[1], id) == 1 then
    if KEYS[2] then
      redis.call('HSET', 'record:' .. id, 'state', 'queued', 'status', status)
      redis.call('RPUSH', KEYS[2], id)
    else
      redis.call('HSET', 'record:' .. id, 'state', 'done', 'status', status)
      redis.call('DEL', 'body:' .. id)
    end
    redis.call('APPEND', 'timeline:' .. id, ARGV[3])
    redis.call('XADD', 'changes', 'MAXLEN', '~', 100000, '*', 'c', id .. ' ' .. status)
    settled = settled + 1
  end
end
return settled
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A lane and what becomes of its messages; those of the last stage have no next lane."""

    lane: str
    status: str
    next_lane: str | None = None


@dataclass(slots=True)
class Files:
    """What the worker writes: log lines and the outbox, a batch at a time."""

    log: int
    outbox: int

    def write(self, stage: Stage, messages: dict[str, dict[str, str]]) -> None:
        """Write a line for each message into the log, and at the end into the outbox, too."""
        now, lines, sent = time.time(), [], []
        for trace_id, message in messages.items():
            event = {"timestamp": now, "level": "info", "event": f"notification.{stage.status}"}
            lines.append(encode({**event, "trace_id": trace_id, "duration_ms": 1.0}) + "\n")
            if stage.next_lane is None:
                address = message["user_id"] + "@example.org"
                told = {"trace_id": trace_id, "address": address, "message": message["message"]}
                sent.append(encode({**told, "at": now}) + "\n")
        os.write(self.log, "".join(lines).encode())
        os.write(self.outbox, "".join(sent).encode())


async def work(client: redis.Redis, stage: Stage, files: Files) -> None:
    """Claim and settle for ever."""
    claim, start, settle = map(client.register_script, (CLAIM, START, SETTLE))
    leases, number = f"{stage.lane}:leases", 0
    keys = [leases, *([stage.next_lane] if stage.next_lane else [])]
    entry = f"1\t{stage.status}\t\temail\t\n"
    while True:
        number += 1
        token = f"{os.getpid()}-{stage.lane}-{number}"
        claimed = await claim([stage.lane, leases], [AT_ONCE, token])
        if not claimed:
            await asyncio.sleep(0.005)
            continue
        ids = [each.decode() for each in claimed[::2]]
        messages = dict(zip(ids, map(json.loads, claimed[1::2]), strict=True))
        if stage.next_lane is None:
            started = await start([], [token, "1\tsending\t\temail\t\n", *ids])
            if started != len(ids):
                raise RuntimeError("a lease was lost")
        files.write(stage, messages)
        if await settle(keys, [token, stage.status, entry, *ids]) != len(ids):
            raise RuntimeError("a lease was lost")
        if stage.next_lane is None:
            job_done(len(ids))


async def fill(client: redis.Redis, count: int) -> None:
    """Let `count` messages wait for validation."""
    for first in range(0, count, 500):
        pipe = client.pipeline(transaction=False)
        for number in range(first, min(first + 500, count)):
            trace_id = os.urandom(16).hex()
            body = encode({"user_id": f"user-{number % 500}", "message": TEXT})
            pipe.set(f"body:{trace_id}", body)
            pipe.hset(f"record:{trace_id}", mapping={"state": "queued", "status": "queued"})
            pipe.rpush("validation", trace_id)
        await pipe.execute()


async def main() -> None:
    """Fill or work."""
    client = redis.from_url(os.environ["REDIS_URL"])
    if len(sys.argv) > 1:
        await fill(client, int(sys.argv[1]))
        return
    flags, folder = os.O_WRONLY | os.O_CREAT | os.O_APPEND, Path(os.environ["REPORT"]).parent
    files = Files(os.open(folder / "limit.log", flags), os.open(folder / "limit.jsonl", flags))
    await asyncio.gather(
        work(client, Stage("validation", "validated", "delivery"), files),
        work(client, Stage("delivery", "sent"), files),
    )


if __name__ == "__main__":
    uvloop.run(main())
