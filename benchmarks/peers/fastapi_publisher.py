"""A publisher as most people would write it: FastAPI with models, and one push for each request."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import redis.asyncio as redis
from fastapi import FastAPI
from pydantic import BaseModel, Field


class Notification(BaseModel):
    user_id: str = Field(min_length=1, max_length=128)
    message: str = Field(min_length=1, max_length=10_000)
    channel: Literal["email", "sms", "push"] | None = None


class Event(BaseModel):
    trace_id: str
    notification: Notification


class Accepted(BaseModel):
    trace_id: str
    status: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with redis.from_url(os.environ["REDIS_URL"]) as app.state.redis:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/notifications", status_code=202)
async def accept(notification: Notification) -> Accepted:
    event = Event(trace_id=str(uuid.uuid4()), notification=notification)
    await app.state.redis.rpush("notifications", event.model_dump_json())
    return Accepted(trace_id=event.trace_id, status="queued")
