"""``python -m benchmarks.console``: fifty people in the console at once, and one real browser.

``pricelm serve`` runs with the console on an empty PostgreSQL database, which is filled with a made-up shop
of 10,000 recommendations. People of every role log in, go from page to page, search, decide,
drag the slider, type listings, and pause between actions. Server, PostgreSQL and this load share the machine.
With ``--browser`` Chromium shows instead how the table of 10,000 rows and the slider feel.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.batch import train_model
from benchmarks.console_chromium import browser_rows
from benchmarks.console_client import ConsoleBrowser
from benchmarks.console_shop import Shop, fill_console_store
from benchmarks.console_users import Clock, Person, Plan
from benchmarks.made_up import made_up_listings
from benchmarks.own_postgres import own_postgres
from benchmarks.results import Document, Row, passes, versions
from benchmarks.serving_http import running
from benchmarks.tables import plain, row_table

ACTION_BAR = "< 500"
_TRAINING_LISTINGS = 2_000
_SECONDS_BETWEEN_LOOKS = 5.0
_MEGABYTE = 1e6


@dataclass
class ServerUse:
    """What the server took: memory from look to look, and CPU seconds."""

    process: psutil.Process
    megabytes: list[float]

    @classmethod
    def of_my_server(cls) -> ServerUse:
        """Watch the server that this process started."""
        [one] = [one for one in psutil.Process().children() if "serve" in one.cmdline()]
        return cls(one, [])

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)

    async def watch(self) -> None:
        """Look at its memory until this is canceled."""
        while True:
            self.megabytes.append(self.process.memory_info().rss / _MEGABYTE)
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)


@contextmanager
def console(options: argparse.Namespace, shop: Shop) -> Iterator[tuple[str, int]]:
    """Give the address of a console on the filled store, and the number of its plan."""
    address = f"http://127.0.0.1:{options.port}"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pricelm-console-"))
        url = options.store or stack.enter_context(own_postgres())
        model = options.model
        if model is None:
            listings = made_up_listings(_TRAINING_LISTINGS, seed=9, priced=True)
            model = train_model(Path(folder) / "model", listings)
        batch = fill_console_store(url, shop)
        command = [sys.executable, "-m", "pricelm", "serve", str(model), "--port", str(options.port)]
        stack.enter_context(running(command, address, "/ready", PRICELM_STORE=url, PRICELM_CONSOLE="on"))
        yield address, batch


async def let_work(
    address: str, batch: int, shop: Shop, options: argparse.Namespace
) -> tuple[Clock, ServerUse]:
    """Let everybody work for the wanted time."""
    clock, plan, server = Clock(), Plan(batch), ServerUse.of_my_server()
    ends = asyncio.get_running_loop().time() + options.seconds
    watching = asyncio.create_task(server.watch())
    people = []
    for number, (name, role) in enumerate(shop.people()):
        mind = random.Random(shop.seed * 1_000 + number)  # noqa: S311  # nothing secret depends on it
        person = Person(ConsoleBrowser(address), name, role, plan, clock, options.think, mind)
        people.append(asyncio.create_task(person.work(ends)))
        # they come in one after the other in the first minute
        await asyncio.sleep(min(60.0, options.seconds / 4) / shop.users)
    await asyncio.gather(*people)
    watching.cancel()
    return clock, server


def load_rows(address: str, batch: int, shop: Shop, options: argparse.Namespace) -> list[Row]:
    """Let everybody work, and return what was measured."""
    own, began = _own_cpu(), time.perf_counter()
    before = ServerUse.of_my_server().cpu_seconds
    clock, server = asyncio.run(let_work(address, batch, shop, options))
    took = time.perf_counter() - began
    case = f"{shop.users} people for {options.seconds / 60:g} minutes"
    times = clock.all_seconds
    for error, count in clock.errors.most_common(20):
        print(f"{count} times {error}", file=sys.stderr)
    failed = clock.errors.total()
    p95 = _quantile(times, 0.95)
    rows = [
        Row(case, "errors", failed, bar="<= 0", ok=failed == 0),
        Row(case, "p95_ms", p95, bar=ACTION_BAR, ok=passes(p95, ACTION_BAR)),
        Row(case, "p50_ms", _quantile(times, 0.5)),
        Row(case, "p99_ms", _quantile(times, 0.99)),
        Row(case, "actions", len(times)),
        Row(case, "actions_per_second", round(len(times) / took, 2)),
        Row(case, "server_cpu_share", round((server.cpu_seconds - before) / took, 3)),
        Row(case, "load_cpu_share", round((_own_cpu() - own) / took, 3)),
        *memory_rows(case, server.megabytes),
    ]
    rows += [action_row(action, seconds) for action, seconds in sorted(clock.seconds.items())]
    return rows


def action_row(action: str, seconds: Sequence[float]) -> Row:
    """Return the times of one action, with the other quantiles and their number beside the 95 % one.

    Examples
    --------
    >>> row = action_row("search", [0.001, 0.002, 0.003])
    >>> row.ours, row.peers["p50"], row.peers["times"]
    (2.9, 2.0, 3)
    """
    beside = {"p50": _quantile(seconds, 0.5), "p99": _quantile(seconds, 0.99), "times": len(seconds)}
    return Row(action, "p95_ms", _quantile(seconds, 0.95), peers=beside)


def memory_rows(case: str, megabytes: Sequence[float]) -> list[Row]:
    """Return the server's memory when everybody is there, at the end, and what it grew by.

    Examples
    --------
    >>> [row.ours for row in memory_rows("x", [100.0] * 5 + [200.0, 210.0, 220.0, 230.0, 240.0])]
    [200.0, 240.0, 40.0]
    """
    # the first half is warm-up: caches fill, the allocator takes what it needs
    half = megabytes[len(megabytes) // 2 :]
    return [
        Row(case, "server_megabytes_half_way", round(half[0], 1)),
        Row(case, "server_megabytes_at_the_end", round(half[-1], 1)),
        Row(case, "server_megabytes_grown_since_half_way", round(half[-1] - half[0], 1)),
    ]


def _quantile(seconds: Sequence[float], share: float) -> float:
    return round(float(np.quantile(seconds, share)) * 1000, 1) if seconds else math.nan


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when every bar is reached, 1 when not."""
    options = _parser().parse_args(arguments)
    shop = Shop(products=options.products, users=options.users, seed=options.seed)
    with console(options, shop) as (address, batch):
        if options.browser:
            rows = browser_rows(address, batch, "sku-000005")
        else:
            rows = load_rows(address, batch, shop, options)
    document = Document("console_browser" if options.browser else "console", rows, versions())
    document.write(options.out or Path("benchmarks/results") / f"{document.table}.json")
    print(plain(row_table(document.rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    add = parser.add_argument
    add("--store", help="address of an empty store; a PostgreSQL server of its own without it")
    add("--browser", action="store_true", help="measure in a real browser instead")
    add("--users", type=int, default=50)
    add("--seconds", type=float, default=600.0, help="how long they work")
    add("--think", type=float, default=5.0, help="mean seconds between two actions of a person")
    add("--products", type=int, default=10_000, help="recommendations of the plan")
    add("--model", type=Path, help="a bundle to serve; a fast one of made-up listings without it")
    add("--port", type=int, default=8766, help="a free port")
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="where the document goes; below benchmarks/results without it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
