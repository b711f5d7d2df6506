"""Waiting for work on behalf of a client: no longer than its deadline, and no longer than it is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from peephole.serve.asgi import Receive
from peephole.serve.problems import ClientGoneError, Problem

Result = TypeVar("Result")


async def outcome(
    work: Coroutine[Any, Any, Result], receive: Receive, deadline: float, seconds: float
) -> Result:
    """Return what `work` returns; cancel it when the deadline passes or the client leaves.

    Args:
        work: what is waited for.
        receive: of the request, whose body has been read.
        deadline: on the monotonic clock.
        seconds: from the request's arrival to the deadline, for the message.

    Raises:
        Problem: 504, the deadline has passed.
        ClientGoneError: the client has left.
    """
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait(
            {task, leaving},
            timeout=max(0.0, deadline - time.monotonic()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if task.done():
            return task.result()
        if leaving.done():
            raise ClientGoneError
        raise Problem(
            504,
            f"the answer must be ready within {seconds:g} seconds of the request; it was not",
            hint="send fewer or shorter texts, or try again when the server has less to do",
        )
    finally:
        task.cancel()
        leaving.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
