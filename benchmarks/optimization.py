"""``python -m benchmarks.optimization``: speed, gap, exactness and regret of the price optimization.

Everything is made here: assortments for speed, small random problems that trying every choice can solve, and
markets whose true demand is known to the judge and not to the optimizer.
"""

from __future__ import annotations

import argparse
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.pricing_market import DrawnMarket, draw_market, market_facts
from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table
from pricelm.decisions.optimization.build import PlanConfig
from pricelm.decisions.optimization.objective import Risk
from pricelm.decisions.optimization.problem import PricingProblem
from pricelm.decisions.optimization.propose import plan_prices
from pricelm.decisions.optimization.solve import SolverConfig, solve
from pricelm.decisions.optimization.stream import solve_blocks
from pricelm.knowledge.rule_files import RuleBook

PRICES = 21
GAP_BAR = "<= 0.0001"
BLOCK = 20_000
# what every plan takes where it is not told otherwise
CAREFUL = Risk()


def assortment(n: int, seed: int, scale: int) -> PricingProblem:
    """Return products with a budget for cuts, a cap on changes, and today's units as a floor.

    Parameters
    ----------
    n : int
        Products.
    seed : int
        Of the draw.
    scale : int
        Products of the whole that the limits are about.
    """
    rng = np.random.default_rng(seed)
    price = rng.lognormal(2, 0.8, n)
    cost, sold = price * rng.uniform(0.4, 0.8, n), rng.lognormal(3, 1, n)
    slope = -rng.uniform(1.2, 3.5, n)
    steps = np.linspace(0.8, 1.2, PRICES)
    prices = price[:, None] * steps
    units = sold[:, None] * np.exp(slope[:, None] * np.log(steps))
    usage = np.stack(
        [
            np.maximum(price[:, None] - prices, 0.0) * units,
            np.broadcast_to((np.abs(steps - 1) > 1e-9).astype(float), prices.shape),
            sold[:, None] - units,
        ]
    )
    # means of the distributions above, so that every block names the limits of the whole
    revenue = np.exp(2 + 0.32) * np.exp(3.5)
    limits = np.array([0.02 * revenue * scale, 0.2 * scale, 0.0])
    return PricingProblem.of(
        prices, (prices - cost[:, None]) * units, usage=usage, limits=limits, caps=np.full(3, np.inf)
    )


def speed_rows(n: int, *, seconds_bar: str = "< 1") -> list[Row]:
    """Time one assortment in memory; the second run counts, so that libraries are loaded."""
    problem = assortment(n, 0, n)
    solve(problem)
    began = perf_counter()
    solution = solve(problem)
    seconds = perf_counter() - began
    case = f"{n:,} products x {PRICES} prices, 3 rules on sums"
    return [
        Row(case, "seconds", seconds, bar=seconds_bar, ok=passes(seconds, seconds_bar)),
        Row(case, "relative_gap", solution.gap, bar=GAP_BAR, ok=passes(solution.gap, GAP_BAR)),
    ]


def stream_rows(n: int, *, seconds_bar: str = "< 60") -> list[Row]:
    """Time an assortment in blocks that are made anew in every pass."""
    starts = range(0, n, BLOCK)

    def blocks() -> Iterator[PricingProblem]:
        for number, start in enumerate(starts):
            yield assortment(min(BLOCK, n - start), number, n)

    priced = 0

    def sink(number: int, choice: np.ndarray) -> None:
        nonlocal priced
        priced += len(choice)

    began = perf_counter()
    outcome = solve_blocks(blocks, sink)
    seconds = perf_counter() - began
    case = f"{n:,} products x {PRICES} prices in blocks of {BLOCK:,}, 3 rules on sums"
    return [
        Row(case, "seconds", seconds, bar=seconds_bar, ok=passes(seconds, seconds_bar)),
        Row(case, "relative_gap", outcome.gap, bar=GAP_BAR, ok=passes(outcome.gap, GAP_BAR)),
        Row(case, "products_priced", float(priced), bar=f">= {n}", ok=priced >= n),
        Row(case, "passes", float(outcome.passes)),
    ]


def memory_rows(blocks_small: int, blocks_large: int) -> list[Row]:
    """Compare the peak memory of few blocks and of many; it must not grow with their number."""
    peaks = []
    for count in (blocks_small, blocks_large):
        made = [(number, 10_000, 10_000 * count) for number in range(count)]
        tracemalloc.start()
        solve_blocks(lambda made=made: (assortment(n, s, whole) for s, n, whole in made), lambda *_: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    bar, growth = "<= 1.5", peaks[1] / peaks[0]
    case = f"{blocks_large} blocks against {blocks_small}"
    return [Row(case, "peak_memory_ratio", growth, bar=bar, ok=passes(growth, bar))]


def exactness_rows(instances: int) -> list[Row]:
    """Compare with trying every choice on small random problems, impossible ones included."""
    wrong = impossible = 0
    for seed in range(instances):
        rng = np.random.default_rng(seed)
        n, m, rules = int(rng.integers(2, 6)), int(rng.integers(2, 5)), int(rng.integers(1, 4))
        usage = rng.normal(1, 2, (rules, n, m))
        limits = usage.min(axis=2).sum(axis=1) + rng.uniform(-0.2, 6, rules)
        problem = PricingProblem.of(
            np.sort(rng.uniform(1, 9, (n, m)), axis=1),
            rng.normal(5, 4, (n, m)),
            usage=usage,
            limits=limits,
            caps=np.full(rules, np.inf),
        )
        best = max(problem.score(np.array(choice)) for choice in product(range(m), repeat=n))
        found = solve(problem, SolverConfig(tolerance=1e-9))
        impossible += not np.isfinite(best)
        near = abs(found.value - best) < 1e-6 * abs(best) + 1e-6
        same = found.status == "infeasible" if np.isinf(best) else near
        wrong += not same
    case = f"{instances} small random problems, {impossible} of them impossible"
    return [Row(case, "different_from_brute_force", float(wrong), bar="<= 0", ok=wrong == 0)]


def regret_rows(markets: int, products: int) -> list[Row]:
    """Judge plans made from estimated elasticities by the true demand of markets used for nothing else."""
    lost, worse, oracle_gain, ours_gain = [], [], 0.0, 0.0
    for seed in range(markets):
        market = draw_market(products, seed + 10_000)
        regret, behind, gains = judged(market)
        lost.append(regret)
        worse.append(behind)
        ours_gain, oracle_gain = ours_gain + gains[0], oracle_gain + gains[1]
    case = f"{markets} drawn markets of {products:,} products"
    regret, behind = float(np.mean(lost)), float(np.mean(worse))
    return [
        Row(case, "profit_regret", regret, bar="<= 0.05", ok=passes(regret, "<= 0.05")),
        Row(case, "share_worse_than_doing_nothing", behind, bar="<= 0.05", ok=passes(behind, "<= 0.05")),
        Row(case, "share_of_possible_gain", ours_gain / oracle_gain),
    ]


def judged(market: DrawnMarket, risk: Risk = CAREFUL) -> tuple[float, float, tuple[float, float]]:
    """Return the regret against the oracle, the share of products worse off, and (our gain, its gain)."""
    config = PlanConfig(risk=risk)
    plan = plan_prices(
        market_facts(market), RuleBook(), market.estimated, config, support=(market.low, market.high)
    )
    price = np.array([one.proposed_price for one in plan.recommendations])
    earned, now = market.profit(price), market.profit(market.price)
    best = market.best_profit()
    worse = earned < now * (1 - 1e-9)
    return (
        float(1 - earned.sum() / best.sum()),
        float(worse.mean()),
        (
            float(earned.sum() - now.sum()),
            float(best.sum() - now.sum()),
        ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when every bar is reached, else 1."""
    options = _parser().parse_args(arguments)
    rows = [
        *speed_rows(options.products),
        *stream_rows(options.stream),
        *memory_rows(4, 16),
        *exactness_rows(options.instances),
        *regret_rows(options.markets, options.market_products),
    ]
    document = Document("optimization", rows, versions())
    document.write(options.out)
    print(plain(row_table(rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.optimization", description=__doc__)
    add = parser.add_argument
    add("--products", type=int, default=20_000, help="products in memory")
    add("--stream", type=int, default=1_000_000, help="products in blocks")
    add("--instances", type=int, default=300, help="small problems")
    add("--markets", type=int, default=20, help="drawn markets")
    add("--market-products", type=int, default=500, help="products a market")
    add(
        "--out",
        type=Path,
        default=Path("benchmarks/results/optimization.json"),
        help="where the document goes",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
