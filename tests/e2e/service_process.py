"""A service as users start it, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

ROOT = Path(__file__).parents[2]


class ServiceProcess:
    """``pricelm serve`` on a free port; a context manager."""

    def __init__(
        self,
        model: Path,
        folder: Path,
        prepare: Callable[[str], None] = lambda store: None,
        *,
        store: str = "",
        port: int = 0,
        **settings: Any,
    ) -> None:
        self.store = store or f"sqlite:///{folder / 'store.db'}"
        prepare(self.store)
        self._log = folder / "service.log"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PRICELM_")},
            **{f"PRICELM_{name.upper()}": str(value) for name, value in settings.items()},
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
            "OMP_NUM_THREADS": "1",
            "PRICELM_POLL_SECONDS": "0.1",
        }
        place = ("--port", str(port), "--store", self.store)
        command = [sys.executable, "-m", "pricelm", "serve", str(model), *place]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env=environment, cwd=folder)
        self.address = ""

    def lines(self) -> list[dict[str, Any]]:
        """Return the log."""
        whole = [line for line in self._log.read_text("utf-8").splitlines() if line.startswith("{")]
        return [json.loads(line) for line in whole]

    def __enter__(self) -> Self:
        def is_up() -> bool:
            assert self.process.poll() is None, self._log.read_text("utf-8")
            serving = [line for line in self.lines() if line["event"] == "serving"]
            if not serving:
                return False
            self.address = serving[0]["address"]
            try:
                return httpx.get(f"{self.address}/ready", timeout=5).is_success
            except httpx.TransportError:
                return False

        try:
            wait_until(is_up)
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise

    def ask(self, listings: list[dict[str, Any]], timeout_seconds: float = 30) -> httpx.Response:
        """Ask for quotes on a connection of its own."""
        return httpx.post(f"{self.address}/v1/quotes", json={"listings": listings}, timeout=timeout_seconds)

    def metrics(self) -> dict[str, float]:
        """Return the numbers by name and labels."""
        lines = httpx.get(f"{self.address}/metrics", timeout=10).text.splitlines()
        return {name: float(value) for name, value in (one.rsplit(" ", 1) for one in lines if one[0] != "#")}


class Load:
    """Clients that ask without a pause until the block ends."""

    def __init__(self, service: ServiceProcess, clients: int = 4, *, tries: int = 1) -> None:
        self.statuses: Counter[int | str] = Counter()
        self.versions: Counter[int] = Counter()
        self._service, self._tries = service, tries
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]

    def _ask(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            listings = [{"title": f"red wooden lamp no {number}{count}"}]
            for left in reversed(range(self._tries)):
                try:
                    response = self._service.ask(listings)
                except httpx.TransportError as error:
                    if not left:
                        self.statuses[type(error).__name__] += 1
                    time.sleep(0.05)
                    continue
                self.statuses[response.status_code] += 1
                if response.is_success:
                    self.versions[response.json()["quotes"][0]["model_version"]] += 1
                break

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def wait_until(happened: Callable[[], bool], seconds: float = 300) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
