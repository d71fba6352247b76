"""The load generator against a server whose speed the test decides, and the fleet against paper."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fleet import FleetPlan, main, measured_rates, simulate
from benchmarks.load import Connections, constant_rate, quotes_bodies, saturated
from benchmarks.results import Document, Row
from pricelm.core.errors import ConfigError


class Server:
    """Answers one request after the other, each in the same time, 503 every third."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.bodies = seconds, 0
        self._busy = asyncio.Lock()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                writer.close()
                return
            await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
            async with self._busy:
                await asyncio.sleep(self.seconds)
                self.bodies += 1
                status = b"503 Busy" if self.bodies % 3 == 0 else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\n{}")


@pytest.fixture
def address() -> Iterator[str]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(Server(0.01).handle, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_slow_server_cannot_hide_behind_a_waiting_generator(address: str) -> None:
    """40 requests leave within 0.1 s; one after the other takes 0.4 s, and the last ones waited for it."""
    result = constant_rate(Connections(address, "/"), lambda n: b"{}", rate=400, seconds=0.1)
    assert (result.count(200), result.count(503)) == (27, 13)
    assert result.quantile_ms(0.99) > 250
    assert result.seconds >= 0.4


def test_saturation_counts_answers(address: str) -> None:
    result = saturated(Connections(address, "/"), lambda n: b"{}", clients=3, requests=12)
    assert sum(map(len, result.latencies.values())) == 12
    assert math.isnan(result.quantile_ms(0.5, status=404))


def test_a_server_that_is_gone_is_a_failure_and_not_silence() -> None:
    result = constant_rate(Connections("http://127.0.0.1:9", "/"), lambda n: b"{}", rate=100, seconds=0.05)
    assert result.count(0) == 5


def test_bodies_go_round() -> None:
    body = quotes_bodies([{"title": str(n)} for n in range(5)], 2)
    assert body(0) == b'{"listings": [{"title": "0"}, {"title": "1"}]}'
    assert body(2) == b'{"listings": [{"title": "4"}, {"title": "0"}]}'
    assert body(3) == body(0)


def test_the_fleet_is_that_of_the_paper() -> None:
    plan = FleetPlan(hit_rate=0.5)
    rate = 1 / (0.5 / 5000 + 0.5 / 150)
    peak = 1e9 / 86400 * 2.5
    needed = math.ceil(peak / (rate * 0.7))
    assert plan.machines() == 3 * math.ceil(needed / 2) == 213
    assert plan.cost_of_a_million() == pytest.approx(213 * 0.08 * 24 / 1000)


def test_the_simulation_agrees_with_theory_where_there_is_one() -> None:
    """Far beyond its capacity a machine serves its capacity and refuses the rest."""
    overloaded = FleetPlan(quotes_a_day=86_400 * 1000, peak_factor=1, hit_rate=0, zones=1, utilization=0.99)
    assert overloaded.machines() == 7
    assert simulate(overloaded, seconds=60).refused_share < 0.01
    lost = FleetPlan(quotes_a_day=86_400 * 1000, peak_factor=1, hit_rate=0, zones=2, utilization=0.99)
    assert lost.machines() == 14
    crowded = FleetPlan(quotes_a_day=86_400 * 1000, peak_factor=1, hit_rate=0.9, utilization=0.9)
    cold = simulate(crowded, seconds=60, zone_fails_at=0, cold=True)
    kept = np.mean([1 / (h / 5000 + (1 - h) / 150) for h in 0.9 * (1 - (1 - np.arange(60) / 120) / 3)])
    served = kept * crowded.machines() * 2 / 3 / 1000
    assert cold.refused_share == pytest.approx(max(0.0, 1 - served), abs=0.12)
    assert cold.wait_p99_seconds <= 0.6


def test_measured_rates_replace_assumptions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measured_rates(tmp_path / "none.json") == {}
    Document("serving_http", [Row("x", "http_listings_per_second", 321.0)], {}).write(tmp_path / "m.json")
    assert measured_rates(tmp_path / "m.json") == {"machine_rate": 321.0}
    options = ["--seconds", "3", "--quotes-a-day", "1e7", "--measured", str(tmp_path / "m.json")]
    assert main([*options, "--out", str(tmp_path / "fleet.json")]) == 0
    assert '"table": "fleet"' in capsys.readouterr().out.splitlines()[-1]


def test_numbers_that_make_no_fleet_are_refused() -> None:
    for wrong in ({"hit_rate": 1.5}, {"utilization": 1.0}, {"machine_rate": 0.0}, {"peak_factor": 0.5}):
        with pytest.raises(ConfigError):
            FleetPlan(**wrong)  # type: ignore[arg-type]
