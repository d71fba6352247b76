"""Inventory against published figures; the rows go into the table of decisions.

The instances and their solutions are those that stockpyl 1.0.2 bundles for the examples of Snyder and Shen,
Fundamentals of Supply Chain Theory, 2nd edition; the figures are carried over, the package is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator

from scipy import stats

from benchmarks.results import Row, passes
from pricelm.decisions.inventory import (
    DiscreteUnits,
    NormalUnits,
    ReorderCosts,
    ScipyUnits,
    economic_order_quantity,
    newsvendor,
    reorder_levels,
    reorder_policy,
)
from pricelm.decisions.inventory.reorder import reorder_cost, reorder_counts

TOLERANCE = 1e-3
_SOURCE = "stockpyl 1.0.2"


def inventory_rows() -> list[Row]:
    """Return published | ours | tolerance for every instance; no data is needed."""
    return [_row(*one) for one in (*_newsvendors(), *_reorders())]


def _newsvendors() -> Iterator[tuple[str, str, float, float]]:
    best = newsvendor(NormalUnits(50, 8), 0.18, 0.70)
    yield "newsvendor, normal (example 4.3)", "level", best.level, 56.60395592743389
    yield "newsvendor, normal (example 4.3)", "cost", best.cost, 1.9976051931766445
    best = newsvendor(DiscreteUnits.of(stats.poisson(50)), 0.18, 0.70)
    yield "newsvendor, Poisson", "level", best.level, 56.0
    yield "newsvendor, Poisson", "cost", best.cost, 1.797235211809178
    best = newsvendor(DiscreteUnits.of(stats.poisson(6)), 1, 4)
    yield "newsvendor, whole units", "level", best.level, 8.0
    yield "newsvendor, whole units", "cost", best.cost, 3.570106945770941
    best = newsvendor(ScipyUnits(stats.lognorm(0.3, 0, 403.4287934927351)), 1, 0.1765)
    yield "newsvendor, lognormal", "level", best.level, 295.6266448071368
    yield "newsvendor, lognormal", "cost", best.cost, 29.44254351324322


def _reorders() -> Iterator[tuple[str, str, float, float]]:
    steady = economic_order_quantity(1300, 8, 0.225)
    yield "economic order quantity (example 3.1)", "quantity", steady.quantity, 304.0467800264368
    yield "economic order quantity (example 3.1)", "cost", steady.cost, 68.41052550594829
    waiting = economic_order_quantity(1300, 8, 0.225, shortage=5)
    yield "economic order quantity, waiting", "quantity", waiting.quantity, 310.81255515896464
    yield "economic order quantity, waiting", "cost", waiting.cost, 66.92136355097325
    lead, costs = NormalUnits(1300 / 12, 150 / 12**0.5), ReorderCosts(8, 0.225, 7.5)
    found = reorder_policy(1300, lead, costs, "expected inventory")
    yield "(r, Q), expected inventory (example 5.2)", "reorder_point", found.reorder_point, 213.97044213580244
    yield (
        "(r, Q), expected inventory (example 5.2)",
        "order_quantity",
        found.order_quantity,
        318.5901810768729,
    )
    yield "(r, Q), expected inventory (example 5.2)", "cost", found.cost, 95.45114022285196
    exact = reorder_cost(1300, lead, costs, (126.8, 328.5))
    yield "(r, Q), exact cost of a policy", "cost", exact, 78.07116250928294
    counts = reorder_counts(1.5, DiscreteUnits.of(stats.poisson(3)), ReorderCosts(100, 20, 150))
    yield "(r, Q), Poisson", "reorder_point", counts.reorder_point, 3.0
    yield "(r, Q), Poisson", "order_quantity", counts.order_quantity, 5.0
    yield "(r, Q), Poisson", "cost", counts.cost, 107.92358063314975
    levels = reorder_levels(DiscreteUnits.of(stats.poisson(6)), ReorderCosts(5, 1, 4))
    yield "(s, S), Poisson (example 4.7)", "reorder_point", float(levels.reorder_point), 4.0
    yield "(s, S), Poisson (example 4.7)", "order_up_to", float(levels.order_up_to), 10.0
    yield "(s, S), Poisson (example 4.7)", "cost", levels.cost, 8.034111561471642


def _row(case: str, metric: str, ours: float, published: float) -> Row:
    bar = f"{published - TOLERANCE:.6f} .. {published + TOLERANCE:.6f}"
    return Row(case, metric, ours, None, {}, {_SOURCE: published}, bar, passes(ours, bar))
