"""A shop that tells its customers: `uvicorn fastapi_shop:app`."""

from asyncnotify import AsyncNotify
from asyncnotify.models import Accepted
from fastapi import FastAPI

app, notify = FastAPI(), AsyncNotify()


@app.post("/orders/{user_id}", status_code=202)
async def order(user_id: str) -> Accepted:
    """Take an order."""
    return await notify.send(user_id, "your purchase was completed successfully")
