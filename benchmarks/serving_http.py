"""``python -m benchmarks.serving_http``: the service beside the model in process, and under overload.

One worker serves an exported model; no text is remembered (``PRICELM_CACHED_TEXTS=0``) unless the row
says so. The load generator sends at a constant rate and counts time from the intended departure
(``load.py``).
``--peer NAME=PYTHON`` also serves the same model with BentoML or LitServe from another environment.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from benchmarks.load import Connections, LoadResult, constant_rate, quotes_bodies, saturated
from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table
from pricelm.catalog.readers import read_listings
from pricelm.core.errors import PricelmError

THROUGHPUT_BAR = ">= 0.8"
OVERLOAD_BAR = "<= 2.0"
PEERS = ("bentoml", "litserve")
_LISTINGS_A_REQUEST = 64
_CLIENTS = 4
_START_SECONDS = 120


@contextmanager
def running(command: Sequence[str], address: str, ready: str, **settings: str) -> Iterator[str]:
    """Start a server, wait until it answers, give its address, and stop it."""
    environment = {**os.environ, **settings}
    with tempfile.TemporaryFile() as log:
        # a group of its own, as some servers leave their workers behind
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, process_group=0)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not _answers(address + ready):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{command[0]} did not start: {log.read().decode()[-2000:]}")
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait(60)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


def in_process_rate(model: Path, listings: pd.DataFrame, requests: int) -> float:
    """Return listings a second that the model quotes without HTTP, as many at once as a request has."""
    from pricelm.services.predictors import open_predictor
    from pricelm.serving.options import ServingOptions

    served = open_predictor(model, ServingOptions(cached_texts=0))
    chunks = [
        listings.iloc[start : start + _LISTINGS_A_REQUEST]
        for start in range(0, len(listings) - _LISTINGS_A_REQUEST + 1, _LISTINGS_A_REQUEST)
    ]
    served.quote(chunks[0], comparables=0)
    began = time.perf_counter()
    for number in range(requests):
        served.quote(chunks[number % len(chunks)], comparables=0)
    return requests * _LISTINGS_A_REQUEST / (time.perf_counter() - began)


def http_rate(address: str, path: str, listings: list[dict[str, Any]], requests: int) -> float:
    """Return listings a second over HTTP when four clients keep the service busy."""
    body = quotes_bodies(listings, _LISTINGS_A_REQUEST)
    saturated(Connections(address, path), body, clients=_CLIENTS, requests=_CLIENTS)
    result = saturated(Connections(address, path), body, clients=_CLIENTS, requests=requests)
    return result.count(200) * _LISTINGS_A_REQUEST / result.seconds


def overload_rows(address: str, listings: list[dict[str, Any]], seconds: float) -> list[Row]:
    """Find the capacity for lone listings, then send that much, and three times as much."""
    body = quotes_bodies(listings, 1)
    warm = saturated(Connections(address, "/v1/quotes"), body, clients=16, requests=400)
    capacity = warm.count(200) / warm.seconds
    rows = [Row("lone listings", "capacity_per_second", capacity)]
    at: dict[float, LoadResult] = {}
    for factor in (0.3, 1.0, 3.0):
        result = constant_rate(
            Connections(address, "/v1/quotes"), body, rate=capacity * factor, seconds=seconds
        )
        at[factor] = result
        case = f"lone listings at {factor:g}x capacity"
        total = sum(map(len, result.latencies.values()))
        rows += [
            Row(case, "p50_ms", result.quantile_ms(0.5)),
            Row(case, "p99_ms", result.quantile_ms(0.99)),
            Row(case, "refused_share", result.count(503) / total),
            Row(case, "failed_share", (total - result.count(200) - result.count(503)) / total),
        ]
    ratio = at[3.0].quantile_ms(0.99) / at[1.0].quantile_ms(0.99)
    failed = sum(len(one) for status, one in at[3.0].latencies.items() if status not in (200, 503))
    rows.append(
        Row("overload", "p99_ratio", ratio, bar=OVERLOAD_BAR, ok=passes(ratio, OVERLOAD_BAR) and not failed)
    )
    return rows


def measure(model: Path, frame: pd.DataFrame, options: argparse.Namespace) -> list[Row]:
    """Measure the service, and the peers that were named."""
    listings = json.loads(frame.to_json(orient="records"))
    inside = in_process_rate(model, frame, options.requests)
    address = f"http://127.0.0.1:{options.port}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pricelm", "serve", str(model), "--port", str(options.port)]
        store = {"PRICELM_STORE": f"sqlite:///{folder}/store.db", "PRICELM_CACHED_TEXTS": "0"}
        with running(command, address, "/ready", **store):
            over_http = http_rate(address, "/v1/quotes", listings, options.requests)
            rows = overload_rows(address, listings, options.seconds)
        with running(command, address, "/ready", **{**store, "PRICELM_CACHED_TEXTS": "200000"}):
            http_rate(address, "/v1/quotes", listings, -(-len(listings) // _LISTINGS_A_REQUEST))
            cached = http_rate(address, "/v1/quotes", listings, options.requests)
    peers: dict[str, float | str] = {"in process": inside}
    for peer in options.peer:
        peers[peer.partition("=")[0]] = peer_rate(peer, model, listings, options)
    share = over_http / inside
    case = f"requests of {_LISTINGS_A_REQUEST} listings"
    return [
        Row(case, "http_listings_per_second", over_http, peers=peers),
        Row(case, "http_share_of_in_process", share, bar=THROUGHPUT_BAR, ok=passes(share, THROUGHPUT_BAR)),
        Row(f"{case}, all seen before", "http_cached_listings_per_second", cached),
        *rows,
    ]


def peer_rate(
    peer: str, model: Path, listings: list[dict[str, Any]], options: argparse.Namespace
) -> float | str:
    """Return what another framework reaches with the same model and the same requests."""
    name, _, python = peer.partition("=")
    if name not in PEERS or not python:
        return f"expected NAME=PYTHON with a name among {', '.join(PEERS)}"
    address = f"http://127.0.0.1:{options.port + 1}"
    command = [python, "-m", "benchmarks.serving_http_peers", name, str(model), str(options.port + 1)]
    ready, path = ("/readyz", "/quotes") if name == "bentoml" else ("/health", "/predict")
    try:
        with running(command, address, ready):
            return http_rate(address, path, listings, options.requests)
    except (RuntimeError, OSError, IndexError) as error:
        return f"did not run: {str(error)[:80]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when every bar is reached, 1 when not, 2 for wrong data."""
    options = _parser().parse_args(arguments)
    try:
        frame = read_listings(options.listings)
    except PricelmError as error:
        print(f"benchmarks.serving_http: {error}", file=sys.stderr)
        return 2
    from pricelm.models.bundle import load_model
    from pricelm.services.listing_rows import readable_columns

    readable = readable_columns(load_model(options.model).columns_)
    frame = frame[[name for name in frame.columns if name in readable]]
    document = Document("serving_http", measure(options.model, frame, options), versions())
    document.write(options.out)
    print(plain(row_table(document.rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving_http", description=__doc__)
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        required=True,
        help="an exported bundle, such as benchmarks.serving leaves in its --work",
    )
    add("--listings", required=True, help="file of listings that the model can read, 2,000 or so")
    add("--requests", type=int, default=100, help="requests of 64 listings for the throughput")
    add("--seconds", type=float, default=20.0, help="time of each constant rate")
    add("--port", type=int, default=8765, help="a free port, and the next one for peers")
    add("--peer", action="append", default=[], metavar="NAME=PYTHON", help=f"{', '.join(PEERS)}")
    add(
        "--out",
        type=Path,
        default=Path("benchmarks/results/serving_http.json"),
        help="where the document goes",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
