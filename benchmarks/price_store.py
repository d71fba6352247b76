"""How fast does the store stay with ten million observations, and which way do its queries take?

``python -m benchmarks.price_store`` fills a SQLite file and measures what a shop asks of it every day. With
``--postgres`` the same is done in PostgreSQL. (`benchmarks.store` keeps the pieces of unfinished benchmarks.)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import event

from benchmarks.own_postgres import own_postgres
from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table
from pricelm.storage.database import Store, open_store
from pricelm.storage.dump import size_bytes
from pricelm.storage.market import SeenPrice, market_prices, price_history, put_observations

_AT_ONCE = 20_000
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Market:
    """The market that is made up: each day the sellers of each product are seen once.

    Parameters
    ----------
    observations : int, default 10_000_000
        How many.
    products : int, default 20_000
        How many.
    sellers : int, default 5
        How many a product.
    seed : int, default 0
        Of the prices.
    """

    observations: int = 10_000_000
    products: int = 20_000
    sellers: int = 5
    seed: int = 0

    def chunks(self) -> Iterator[list[SeenPrice]]:
        """Give the observations in the order of time."""
        random = np.random.default_rng(self.seed)
        for first in range(0, self.observations, _AT_ONCE):
            cents = random.integers(100, 5_000, _AT_ONCE).tolist()
            yield [
                self.one(number, cents[number - first])
                for number in range(first, min(first + _AT_ONCE, self.observations))
            ]

    def one(self, number: int, cents: int) -> SeenPrice:
        """Return one observation."""
        product, turn = number % self.products, number // self.products
        at = _START + timedelta(days=turn // self.sellers, milliseconds=product)
        return SeenPrice(f"sku-{product}", f"shop {turn % self.sellers}", at, Decimal(cents) / 100, "EUR")

    @property
    def end(self) -> datetime:
        """The time of the last observation."""
        return self.one(self.observations - 1, 100).observed_at


def fill(store: Store, market: Market) -> float:
    """Write the market into a store and return the observations a second."""
    started = time.perf_counter()
    for chunk in market.chunks():
        with store.writing() as session:
            put_observations(session, chunk)
    return market.observations / (time.perf_counter() - started)


def questions(market: Market) -> dict[str, tuple[Callable[[Any, int], Any], str]]:
    """Return what is asked: name to the question about a numbered product, and the bar in milliseconds."""
    week = market.end - timedelta(days=7)
    after = market.end + timedelta(seconds=1)

    def add(session: Any, number: int) -> None:
        late = market.end + timedelta(hours=1 + number)
        seen = [SeenPrice(f"sku-{one}", "shop 0", late, Decimal(5), "EUR") for one in range(1_000)]
        put_observations(session, seen)

    return {
        "history of a product, 7 days": (lambda s, n: price_history(s, f"sku-{n}", week, after), "<= 20"),
        "history of a product, all": (lambda s, n: price_history(s, f"sku-{n}", _START, after), "<= 100"),
        "market of 200 products": (
            lambda s, n: market_prices(s, [f"sku-{(n + one) % market.products}" for one in range(200)]),
            "<= 50",
        ),
        "1,000 more observations": (add, "<= 1000"),
    }


def measure(store: Store, market: Market, times: int) -> tuple[list[Row], dict[str, str]]:
    """Ask every question some times about products at random; return the table and the query plans."""
    random = np.random.default_rng(market.seed + 1)
    rows, plans = [], {}
    for name, (ask, bar) in questions(market).items():
        took = []
        for number in random.integers(0, market.products, times).tolist():
            with store.writing() as session:
                started = time.perf_counter()
                ask(session, number)
            took.append((time.perf_counter() - started) * 1000)
        p95 = round(float(np.quantile(took, 0.95)), 2)
        rows.append(Row(name, "p95_ms", p95, bar=bar, ok=passes(p95, bar)))
        plans[name] = plan_of(store, ask)
    return rows, plans


def plan_of(store: Store, ask: Callable[[Any, int], Any]) -> str:
    """Return how the database answers the last query of a question."""
    seen: list[tuple[str, Any]] = []

    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().lower().startswith("select"):
            seen.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", listen)
    try:
        with store.writing() as session:
            ask(session, 1)
            session.rollback()
    finally:
        event.remove(store._engine, "before_cursor_execute", listen)
    statement, parameters = seen[-1]
    explain = "explain (analyze, costs off, timing off, summary off)"
    if store.kind == "sqlite":
        explain = "explain query plan"
    with store.connection() as connection:
        found = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    return "\n".join(str(row[-1])[:160] for row in found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill, measure, print the plans, the table and the document."""
    options = _parser().parse_args(arguments)
    market = Market(options.observations, options.products, seed=options.seed)
    with ExitStack() as stack:
        if options.postgres:
            url = stack.enter_context(own_postgres())
        else:
            temporary = tempfile.TemporaryDirectory(prefix="pricelm-store-", dir=options.folder)
            url = f"sqlite:///{Path(stack.enter_context(temporary)) / 'store.db'}"
        store = open_store(options.store or url)
        try:
            rate = fill(store, market)
            rows, plans = measure(store, market, options.times)
            size = size_bytes(store)
        finally:
            store.close()
    case = f"{market.observations:,} observations in {store.kind}"
    written = [
        Row("filling", "observations_per_second", round(rate), bar=">= 5000", ok=passes(rate, ">= 5000")),
        Row("filling", "bytes_an_observation", round(size / market.observations, 1)),
        *rows,
    ]
    document = Document(
        f"price_store_{store.kind}",
        [Row(f"{case}: {one.case}", one.metric, one.ours, bar=one.bar, ok=one.ok) for one in written],
        versions(),
    )
    out = options.out or Path("benchmarks/results") / f"{document.table}.json"
    document.write(out)
    for name, plan in plans.items():
        print(f"{name}\n{plan}\n")
    print(plain(row_table(document.rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.price_store", description=__doc__)
    add = parser.add_argument
    add("--observations", type=int, default=10_000_000)
    add("--products", type=int, default=20_000)
    add("--times", type=int, default=50, help="how often each question is asked")
    add("--postgres", action="store_true", help="start a PostgreSQL server for this run")
    add("--store", help="address of an empty store to fill instead")
    add("--folder", type=Path, help="where the folder of a SQLite file is made")
    add("--seed", type=int, default=0, help="seed of the prices")
    add("--out", type=Path, help="where the document goes; below benchmarks/results without it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
