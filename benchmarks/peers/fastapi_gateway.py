"""A gateway as most people would write it: FastAPI, and one httpx client with its pool."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request, Response


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient(base_url=os.environ["UPSTREAM"], timeout=5) as app.state.http:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/notifications")
async def relay(request: Request) -> Response:
    answer = await app.state.http.post(
        "/notifications",
        content=await request.body(),
        headers={"Content-Type": "application/json"},
    )
    return Response(answer.content, answer.status_code, media_type="application/json")
