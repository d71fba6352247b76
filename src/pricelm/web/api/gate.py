"""The gate that every request passes: its id, its body within bounds, its time, its line in the log.

A body is read before anything else sees the request, and counted while it comes in: too large or too
slow, it is refused and the connection closed. What the queue has no room for is refused here too, before
its reading takes time of those that wait. While the request is answered, the gate watches whether
the client is still there, and calls off the work if it is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pricelm.core.errors import Overloaded
from pricelm.services.service_settings import ServiceSettings
from pricelm.web.api.logs import code_frames
from pricelm.web.api.metrics import Metrics
from pricelm.web.api.problems import ProblemError, as_problem, problem_response, unforeseen

_LOG = logging.getLogger("pricelm.http")
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_CLIENT_LEFT = 499
_WITHOUT_LOG = ("/health", "/ready", "/v2/health/live", "/v2/health/ready", "/metrics")


class _ClientLeft(Exception):
    """The connection was closed before the answer."""


class Gate:
    """Wraps the application.

    Parameters
    ----------
    app : ASGI application
        What answers.
    settings : ServiceSettings
        Bounds of a body.
    metrics : Metrics
        Told of every request.
    admit : callable, optional
        Takes the scope and the bytes of the body; raises ``Overloaded`` for what would have to wait too long.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServiceSettings,
        metrics: Metrics,
        admit: Callable[[Scope, int], None] | None = None,
    ) -> None:
        self._app = app
        self._admit = admit
        self._settings = settings
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, send)
        try:
            body = await self._body(scope, receive)
            if self._admit is not None:
                self._admit(scope, len(body))
            await self._answer(visit, body, receive)
        except _ClientLeft:
            visit.status = _CLIENT_LEFT
        except Overloaded as overload:
            self._metrics.refused.labels("queue").inc()
            visit.route = scope["path"]  # one of the few that are admitted by the queue
            await visit.refuse(as_problem(overload) or unforeseen())
        except ProblemError as problem:
            await visit.refuse(problem, close=True)
        except Exception as error:
            await self._unforeseen(visit, error)
        self._record(visit)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        limit = self._settings.body_bytes
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            self._refuse_body(int(announced))
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _ClientLeft
                    size += len(message.get("body", b""))
                    if size > limit:
                        self._refuse_body(size)
                    parts.append(message.get("body", b""))
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise ProblemError(
                "too-slow",
                f"expected the whole body within {self._settings.body_seconds:g} s, got {size:,} bytes: "
                "send it faster, or less at once",
            ) from None

    def _refuse_body(self, size: int) -> None:
        self._metrics.refused.labels("body").inc()
        raise ProblemError(
            "too-large",
            f"expected a body of at most {self._settings.body_bytes:,} bytes, got {size:,} or more: "
            "send fewer listings at once",
        )

    async def _answer(self, visit: _Visit, body: bytes, receive: Receive) -> None:
        left = asyncio.Event()
        given = False

        async def replay() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": body, "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            left.set()

        answering = asyncio.ensure_future(self._app(visit.scope, replay, visit.send))
        watching = asyncio.create_task(watch())
        try:
            await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and not visit.is_complete:
                answering.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await answering
                raise _ClientLeft
            await answering
        finally:
            watching.cancel()
            answering.cancel()

    async def _unforeseen(self, visit: _Visit, error: Exception) -> None:
        known = as_problem(error)
        if known is None:
            _LOG.error(
                "unexpected error",
                extra={
                    "request_id": visit.request_id,
                    "error": type(error).__name__,
                    "frames": code_frames(error),
                },
            )
            known = unforeseen()
        await visit.refuse(known)

    def _record(self, visit: _Visit) -> None:
        route = getattr(visit.scope.get("route"), "path", visit.route)
        seconds = time.monotonic() - visit.started
        self._metrics.requests.labels(route, visit.method, str(visit.status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if route in _WITHOUT_LOG and visit.status < 500:
            return
        _LOG.info(
            "request",
            extra={
                "request_id": visit.request_id,
                "method": visit.method,
                "route": route,
                "status": visit.status,
                "seconds": round(seconds, 5),
                **visit.scope.get("pricelm.facts", {}),
            },
        )


class _Visit:
    """One request on its way: what was sent of its answer so far."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = time.monotonic()
        self.request_id = _request_id(scope)
        known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
        self.method = scope["method"] if scope["method"] in known else "other"
        self.scope = {**scope, "pricelm.request_id": self.request_id, "pricelm.facts": {}}
        self.route = "unmatched"
        self.status = 0
        self.is_complete = False
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, with the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Any] = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True
        await self._send(message)

    async def refuse(self, problem: ProblemError, *, close: bool = False) -> None:
        """Answer with a problem, if nothing was sent yet."""
        if self.status:
            return
        response = problem_response(problem, path=self.scope["path"], request_id=self.request_id)
        if close:
            response.headers["Connection"] = "close"

        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        await response(self.scope, nothing, self.send)


def _request_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
