"""A shop that prices are sent to: it takes each key once, and fails as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pricelm.services.price_targets import KEY_HEADER


class PriceShop(ThreadingHTTPServer):
    """A webhook on a free port.

    Attributes
    ----------
    prices : dict
        Key to what came with it first.
    asked : list of str
        The key of every request.
    failures : list of int
        Statuses of the next answers; 0 takes the price and loses the answer.
    told : callable
        Told how many requests have come, before they are answered.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.prices: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.failures: list[int] = []
        self.told: Callable[[int], None] = lambda count: None

    @property
    def address(self) -> str:
        """Where prices are sent to."""
        return f"http://127.0.0.1:{self.server_port}/prices?from=pricelm"


class _Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # an answer in two small packets would wait for the delayed confirmation of the first
    wbufsize = -1
    server: PriceShop

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers[KEY_HEADER]
        self.server.asked.append(key)
        status = self.server.failures.pop(0) if self.server.failures else 200
        if status in (0, 200):
            self.server.prices.setdefault(key, body)
        self.server.told(len(self.server.asked))
        if status == 0:
            # taken, and the answer is lost on its way
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def opened_shop() -> Iterator[PriceShop]:
    """Give a shop on this machine."""
    with PriceShop() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
