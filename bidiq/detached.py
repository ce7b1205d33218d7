"""Tasks of the process: they outlive the request or the search that came first."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any


def detached(coroutine: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
    """Start a task in a fresh context: what it says in the log is of no search in particular.

    Inheriting a request's would leave an executor thread with an open database connection for each
    (asgiref#348).
    """
    return asyncio.create_task(coroutine, name=name, context=Context())
