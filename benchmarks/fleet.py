"""``python -m benchmarks.fleet``: how many machines price a billion listings a day, and what if a zone fails.

A discrete simulation of one peak hour on top of a calculation that fits on paper (docs/fleet.md). What is
measured comes from ``benchmarks/results``: listings a second of one machine. What is assumed is an option.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.results import Document, Row, passes, read_document, versions
from benchmarks.tables import plain, row_table
from pricelm.core.errors import ConfigError

_SECONDS_A_DAY = 86_400
_SLOTS_A_SECOND = 10


@dataclass(frozen=True)
class FleetPlan:
    """What the fleet must do, and of what it is made.

    Parameters
    ----------
    quotes_a_day : float, default 1e9
        Listings to price.
    peak_factor : float, default 2.5
        Busiest second over the mean second of a day.
    machine_rate : float, default 150.0
        Listings that one machine prices anew in a second.
    cached_rate : float, default 5000.0
        Listings that one machine answers in a second when it remembers all of their texts.
    hit_rate : float, default 0.5
        Share of the listings whose text a machine remembers.
    utilization : float, default 0.7
        How busy a machine may be at the peak.
    zones : int, default 3
        Zones among which the machines are spread evenly.
    cost_an_hour : float, default 0.08
        Price of one machine for an hour, in any currency.

    Raises
    ------
    ConfigError
        If a number makes no fleet.

    Examples
    --------
    >>> FleetPlan(hit_rate=0.0).capacity_of_a_machine()
    150.0
    """

    quotes_a_day: float = 1e9
    peak_factor: float = 2.5
    machine_rate: float = 150.0
    cached_rate: float = 5000.0
    hit_rate: float = 0.5
    utilization: float = 0.7
    zones: int = 3
    cost_an_hour: float = 0.08

    def __post_init__(self) -> None:
        if not (0 <= self.hit_rate <= 1 and 0 < self.utilization < 1 and self.zones >= 1):
            raise ConfigError(
                "expected a hit rate of 0 to 1, a utilization between 0 and 1, and a zone or more"
            )
        if min(self.quotes_a_day, self.machine_rate, self.cached_rate) <= 0 or self.peak_factor < 1:
            raise ConfigError("expected rates above 0 and a peak factor of 1 or more")

    def capacity_of_a_machine(self) -> float:
        """Listings a second at full load: times of hits and misses add up."""
        return 1 / (self.hit_rate / self.cached_rate + (1 - self.hit_rate) / self.machine_rate)

    def peak_rate(self) -> float:
        """Listings a second in the busiest second."""
        return self.quotes_a_day / _SECONDS_A_DAY * self.peak_factor

    def machines(self) -> int:
        """Machines so that the others carry the peak when one zone is gone, in whole zones."""
        needed = self.peak_rate() / (self.capacity_of_a_machine() * self.utilization)
        carrying = max(self.zones - 1, 1)
        return self.zones * math.ceil(math.ceil(needed) / carrying)

    def cost_of_a_million(self) -> float:
        """Cost of a million quotes."""
        return self.machines() * self.cost_an_hour * 24 / (self.quotes_a_day / 1e6)


@dataclass(frozen=True)
class HourResult:
    """What happened in the simulated time.

    Parameters
    ----------
    wait_p99_seconds : float
        99 % of the answered listings waited less in a queue.
    refused_share : float
        Share of the listings that were refused, since the wait would have been too long.
    worst_second_refused : float
        The same in the worst second.
    """

    wait_p99_seconds: float
    refused_share: float
    worst_second_refused: float


def simulate(
    plan: FleetPlan,
    *,
    seconds: int = 600,
    zone_fails_at: int | None = None,
    cold: bool = False,
    queue_seconds: float = 0.5,
    seed: int = 0,
) -> HourResult:
    """Run the busiest time of a fleet in steps of a tenth of a second.

    Listings arrive at random (Poisson) at each machine. When a zone fails, its share moves to the others at
    once; with ``cold`` the moved listings are new to their machines' caches, which fill again over two
    minutes. A listing that would wait longer than ``queue_seconds`` is refused, as the service does.

    Parameters
    ----------
    plan : FleetPlan
        The fleet.
    seconds : int, default 600
        Simulated time.
    zone_fails_at : int, optional
        Second in which one zone is lost; None loses none.
    cold : bool, default False
        Whether the caches know nothing of the listings that move.
    queue_seconds : float, default 0.5
        Longest wait.
    seed : int, default 0
        Seed of the arrivals.

    Returns
    -------
    HourResult
        Waits and refusals.
    """
    random = np.random.default_rng(seed)
    machines = plan.machines()
    zone = np.arange(machines) % plan.zones
    waits: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    refused_by_second = np.zeros(seconds)
    arrived_by_second = np.zeros(seconds)
    backlog = np.zeros(machines)  # seconds of work
    for slot in range(seconds * _SLOTS_A_SECOND):
        second = slot // _SLOTS_A_SECOND
        failed = zone_fails_at is not None and second >= zone_fails_at
        alive = zone != 0 if failed and plan.zones > 1 else np.ones(machines, dtype=bool)
        hit_rate = plan.hit_rate
        if failed and cold and zone_fails_at is not None:
            known = min(1.0, (second - zone_fails_at) / 120)
            hit_rate *= 1 - (1 - known) / plan.zones
        work = 1 / replace(plan, hit_rate=hit_rate).capacity_of_a_machine()
        arrivals = random.poisson(plan.peak_rate() / _SLOTS_A_SECOND / alive.sum(), machines) * alive
        room = np.maximum((queue_seconds - backlog) / work, 0)
        taken = np.minimum(arrivals, np.floor(room))
        refused_by_second[second] += (arrivals - taken).sum()
        arrived_by_second[second] += arrivals.sum()
        waits.append((backlog + taken * work / 2)[alive])
        counts.append(taken[alive])
        backlog = np.maximum(backlog + taken * work - 1 / _SLOTS_A_SECOND, 0) * alive
    wait, count = np.concatenate(waits), np.concatenate(counts)
    order = np.argsort(wait)
    reached = np.searchsorted(np.cumsum(count[order]), 0.99 * count.sum())
    return HourResult(
        float(wait[order][min(reached, len(wait) - 1)]),
        float(refused_by_second.sum() / arrived_by_second.sum()),
        float((refused_by_second / np.maximum(arrived_by_second, 1)).max()),
    )


def fleet_rows(plan: FleetPlan, *, seconds: int, seed: int) -> list[Row]:
    """Return the table: fleets by hit rate, and what a lost zone does."""
    rows: list[Row] = []
    for hit_rate in (0.0, 0.5, 0.9):
        fleet = replace(plan, hit_rate=hit_rate)
        case = f"hit rate {hit_rate:.0%}"
        rows += [
            Row(case, "machines", fleet.machines()),
            Row(case, "cost_of_a_million_quotes", round(fleet.cost_of_a_million(), 4)),
        ]
        for name, options, bar in (
            ("all zones", {}, "<= 0.0"),
            ("one zone fails", {"zone_fails_at": seconds // 3}, "<= 0.001"),
            ("one zone fails, caches cold", {"zone_fails_at": seconds // 3, "cold": True}, None),
        ):
            result = simulate(fleet, seconds=seconds, seed=seed, **options)  # type: ignore[arg-type]
            ok = None if bar is None else passes(result.refused_share, bar)
            rows.append(Row(f"{case}, {name}", "refused_share", result.refused_share, bar=bar, ok=ok))
            rows.append(Row(f"{case}, {name}", "wait_p99_ms", round(result.wait_p99_seconds * 1000, 1)))
    return rows


def measured_rates(path: Path) -> dict[str, float]:
    """Return what the benchmark of the service has measured, by field of the plan; empty without it."""
    if not path.exists():
        return {}
    names = {"http_listings_per_second": "machine_rate", "http_cached_listings_per_second": "cached_rate"}
    found = {names[row.metric]: row.ours for row in read_document(path).rows if row.metric in names}
    return {name: value for name, value in found.items() if value is not None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print the table and the document."""
    options = vars(_parser().parse_args(arguments))
    seconds, seed, out, measured = (options.pop(name) for name in ("seconds", "seed", "out", "measured"))
    given = {name: value for name, value in options.items() if value is not None}
    plan = FleetPlan(**{**measured_rates(measured), **given})
    document = Document("fleet", fleet_rows(plan, seconds=seconds, seed=seed), versions())
    document.write(out)
    print(plain(row_table(document.rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    add = parser.add_argument
    plan = FleetPlan()
    for name in ("quotes_a_day", "peak_factor", "machine_rate", "cached_rate", "utilization", "cost_an_hour"):
        add(
            f"--{name.replace('_', '-')}",
            type=float,
            help=f"{getattr(plan, name):g} where it is not measured",
        )
    add("--zones", type=int, help=f"{plan.zones} by default")
    add("--seconds", type=int, default=600, help="simulated time")
    add("--seed", type=int, default=0, help="seed of the arrivals")
    results = Path("benchmarks/results")
    add(
        "--measured",
        type=Path,
        default=results / "serving_http.json",
        help="result of the service's benchmark",
    )
    add("--out", type=Path, default=results / "fleet.json", help="where the document goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
