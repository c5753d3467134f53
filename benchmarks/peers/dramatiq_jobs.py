"""Dramatiq on Redis: one process, eight threads, messages acknowledged after the job."""

import os
import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from job_counter import job_done

TEXT = "Your parcel arrives tomorrow between 9:00 and 11:00."
dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def job(user_id: str, message: str) -> None:
    job_done()


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        job.send("u", TEXT)
