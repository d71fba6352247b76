"""A load generator that does not omit slow calls.

Requests leave at a constant rate, whether or not earlier ones were answered, and the time of each counts from
the moment at which it was meant to leave. A generator that waits for answers before it asks again asks less
just when the server is slow, and reports the server's good moments only.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

Body = Callable[[int], bytes]


@dataclass
class LoadResult:
    """What came back.

    Parameters
    ----------
    seconds : float
        From the first intended departure to the last answer.
    latencies : dict of int to list of float
        Seconds from the intended departure to the end of the answer, by status; 0 is a broken connection.
    """

    seconds: float = 0.0
    latencies: dict[int, list[float]] = field(default_factory=dict)

    def count(self, status: int) -> int:
        """Return how many answers had a status."""
        return len(self.latencies.get(status, ()))

    def quantile_ms(self, share: float, status: int = 200) -> float:
        """Return a quantile of the times of one status, in milliseconds; NaN without any."""
        found = self.latencies.get(status)
        return float(np.quantile(found, share) * 1000) if found else float("nan")


class Connections:
    """Kept-alive connections to one server, opened as they are needed.

    Parameters
    ----------
    address : str
        ``http://host:port``.
    path : str
        Where to post.
    """

    def __init__(self, address: str, path: str) -> None:
        where = urlsplit(address)
        self._host, self._port = where.hostname or "127.0.0.1", where.port or 80
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Send a body; return the status and the answer."""
        reader, writer = await self._open()
        writer.write(self._head + b"%d\r\n\r\n" % len(body) + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        answer = await reader.readexactly(length)
        if b"connection: close" in head:
            writer.close()
        else:
            self._free.append((reader, writer))
        return int(head.split(b" ", 2)[1]), answer

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()  # the server has let it go, as any may that was idle for long
        return await asyncio.open_connection(self._host, self._port)

    def close(self) -> None:
        """Close all of them."""
        for _, writer in self._free:
            writer.close()


def constant_rate(connections: Connections, body: Body, *, rate: float, seconds: float) -> LoadResult:
    """Send requests at a constant rate for some seconds, and wait for all answers.

    Parameters
    ----------
    connections : Connections
        To the server.
    body : callable
        Takes the number of a request, returns what it carries.
    rate : float
        Requests a second.
    seconds : float
        How long requests leave.

    Returns
    -------
    LoadResult
        Times from the intended departures.
    """
    result = LoadResult()

    async def one(number: int, intended: float) -> None:
        try:
            status, _ = await connections.post(body(number))
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        result.latencies.setdefault(status, []).append(time.perf_counter() - intended)

    async def all_of_them() -> None:
        began = time.perf_counter()
        tasks = []
        for number in range(int(rate * seconds)):
            intended = began + number / rate
            wait = intended - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(one(number, intended)))
        await asyncio.gather(*tasks)
        result.seconds = time.perf_counter() - began
        connections.close()

    asyncio.run(all_of_them())
    return result


def saturated(connections: Connections, body: Body, *, clients: int, requests: int) -> LoadResult:
    """Send requests from several clients that each wait for their answer: the most a server can do.

    Only the number of answers a second is of use here; times of clients that wait omit slow calls.
    """
    result = LoadResult()
    numbers = iter(range(requests))

    async def client() -> None:
        for number in numbers:
            began = time.perf_counter()
            status, _ = await connections.post(body(number))
            result.latencies.setdefault(status, []).append(time.perf_counter() - began)

    async def all_of_them() -> None:
        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        result.seconds = time.perf_counter() - began
        connections.close()

    asyncio.run(all_of_them())
    return result


def quotes_bodies(listings: Sequence[dict[str, Any]], size: int) -> Body:
    """Return bodies of ``POST /v1/quotes`` with ``size`` listings each, over and over."""
    bodies = [
        json.dumps({"listings": [listings[(first + n) % len(listings)] for n in range(size)]}).encode()
        for first in range(0, max(len(listings), 1), size)
    ]
    return lambda number: bodies[number % len(bodies)]
