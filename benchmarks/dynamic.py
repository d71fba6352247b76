"""``python -m benchmarks.dynamic``: policies by markets, off-policy evaluation, and the power of price tests.

Everything is simulated, so no data is needed. Regret is the profit missing against the best fixed price,
which is found with hindsight for every single market.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table
from pricelm.decisions.dynamic import (
    MARKETS,
    POLICIES,
    Guard,
    GuardConfig,
    MarketConfig,
    PolicyConfig,
    RehearsalConfig,
    build_policy,
    example_shop,
    regret_matrix,
    rehearse,
)
from pricelm.decisions.dynamic.decision_log import log_of
from pricelm.decisions.dynamic.market import market_kind
from pricelm.decisions.dynamic.off_policy import PriceTarget, evaluate_target
from pricelm.decisions.dynamic.price_tests import TrialNoise, TrialPlan, simulated_power, trial_power
from pricelm.knowledge.rule_files import RuleBook

RESULT = Path("benchmarks/results/dynamic.json")
LEARNER = "thompson"
_BARS = {"stationary": "< 0.05", "drift": "< 0"}
_LOGS = 60


def matrix_rows(replications: int) -> Iterator[Row]:
    """Yield the regret of the default learner in every market, beside the other policies."""
    config = RehearsalConfig(replications, MarketConfig(), 42)
    matrix = regret_matrix(Guard(example_shop(), RuleBook()), list(POLICIES), list(MARKETS), config)
    for market in MARKETS:
        ours = matrix.cell(LEARNER, market)
        peers = {name: matrix.cell(name, market).regret for name in POLICIES if name != LEARNER}
        bar = _BARS.get(market)
        ok = None if bar is None else passes(ours.regret, bar)
        yield Row(market, "regret", ours.regret, (ours.low, ours.high), peers, {}, bar, ok)
    drift = matrix.cell(LEARNER, "drift").high
    yield Row("drift", "regret_upper_end", drift, None, {}, {}, "< 0", passes(drift, "< 0"))


def off_policy_rows(logs: int) -> Iterator[Row]:
    """Yield bias and coverage of the estimators over logs of an exploring learner."""
    shop, price = example_shop(), 9.06
    column = int(np.abs(shop.prices[0] - price).argmin())
    guard = Guard(shop, RuleBook(), GuardConfig(1))
    market = MarketConfig(365, elasticity_spread=0.0)
    found, truth = [], 0.0
    for seed in range(logs):
        course = rehearse(
            guard,
            market_kind("stationary"),
            [partial(build_policy, LEARNER, config=PolicyConfig(0.8))],
            RehearsalConfig(4, market, seed),
            keep_log=True,
        )[0]
        found.append(evaluate_target(log_of(course, shop), PriceTarget({"": price})))
    relative = shop.prices[0, column] / 10
    logit = 1 / 0.3 / (1 + np.exp(-(np.log(3 / 7) - 2.5 / 0.7 * (relative - 1))))
    truth = float((shop.prices[0, column] - 5.5) * 30 * (relative**-2.5 + logit) / 2)
    for name in ("doubly_robust", "snips", "ips"):
        values = [getattr(one, name) for one in found]
        errors = np.array([one.estimate for one in values]) / truth - 1
        reach = 1.96 * float(errors.std(ddof=1)) / np.sqrt(logs)
        held = float(np.mean([one.low <= truth <= one.high for one in values]))
        bar = "-0.02 .. 0.02" if name == "doubly_robust" else None
        bias = float(errors.mean())
        yield Row(
            "off-policy", f"bias_{name}", bias, (bias - reach, bias + reach), {}, {}, bar,
            None if bar is None else passes(bias, bar),
        )  # fmt: skip
        bar = "0.88 .. 1" if name == "doubly_robust" else None
        ok = None if bar is None else passes(held, bar)
        yield Row("off-policy", f"coverage_{name}", held, None, {}, {}, bar, ok)


def power_rows(runs: int) -> Iterator[Row]:
    """Yield the power by the formula beside that of simulated tests; the bar is on their difference."""
    cases = {
        "switchback, 16 weeks": (TrialPlan("switchback", 112), TrialNoise(0.25, 0.3), 0.12),
        "switchback, correlated days": (TrialPlan("switchback", 84, 3, 1), TrialNoise(0.2, 0.7), 0.1),
        "20 clusters, 4 weeks": (TrialPlan("cluster", 28), TrialNoise(0.25, 0.3, 0.1), 0.15),
    }
    for name, (plan, noise, effect) in cases.items():
        formula = trial_power(plan, noise, effect).power
        simulated = simulated_power(plan, noise, effect, runs=runs, seed=42)
        gap = abs(formula - simulated)
        yield Row(name, "power_error", gap, None, {"formula": formula, "simulated": simulated}, {}, "<= 0.03",
                  passes(gap, "<= 0.03"))  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dynamic", description=__doc__)
    parser.add_argument("--replications", type=int, default=40, help="markets of each kind")
    parser.add_argument("--logs", type=int, default=_LOGS, help="logs for off-policy evaluation")
    parser.add_argument("--out", type=Path, default=RESULT, help="where the result is written")
    options = parser.parse_args(arguments)
    rows = [*matrix_rows(options.replications), *off_policy_rows(options.logs), *power_rows(4000)]
    document = Document("dynamic", rows, versions())
    document.write(options.out)
    print(plain(row_table(rows)))
    print(document.line())
    return 0 if document.ok else 1


if __name__ == "__main__":
    sys.exit(main())
