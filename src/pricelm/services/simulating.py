"""Simulation: pricing policies rehearsed in markets, judged by a log, and price tests designed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.readers import read_listings
from pricelm.catalog.sales import read_sales
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand import DemandConfig, SalesPanel, learn_demand, weekly_panel
from pricelm.decisions.dynamic import (
    MARKETS,
    POLICIES,
    Guard,
    GuardConfig,
    PolicyConfig,
    RegretMatrix,
    RehearsalConfig,
    Shop,
    example_shop,
    learned_shop,
    regret_matrix,
    rehearse,
)
from pricelm.decisions.dynamic.decision_log import log_of, read_log
from pricelm.decisions.dynamic.frozen import learn_from_log
from pricelm.decisions.dynamic.market import market_kind
from pricelm.decisions.dynamic.off_policy import (
    OffPolicyConfig,
    OffPolicyResult,
    PriceTarget,
    Target,
    evaluate_target,
)
from pricelm.decisions.dynamic.price_tests import TrialNoise, mean_variance
from pricelm.decisions.dynamic.registry import build_policy
from pricelm.decisions.dynamic.regret import verdicts
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule_files import RuleBook, load_rules
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame

_MOST_WORK = 40_000_000
_FEWEST_WEEKS = 8


@dataclass(frozen=True)
class SimulateRequest:
    """What `simulate_policies` is asked for.

    Parameters
    ----------
    policies, markets : sequence of str
        Names; none means all.
    rules : pathlib.Path, optional
        YAML file of rules; without it only cool-down and moves a day bind.
    sales : str or pathlib.Path, optional
        Sales whose demand the market has; without it a made-up product.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Role to column of the sales.
    products : int, default 3
        How many of the best-selling products of the sales.
    out : pathlib.Path, optional
        JSON to write.
    log : pathlib.Path, optional
        Table of decisions to write: one policy, one market.
    guard : GuardConfig
        Cool-down and moves a day.
    learning : PolicyConfig
        How policies learn.
    rehearsal : RehearsalConfig
        Replications, days, seed.
    """

    policies: Sequence[str] = ()
    markets: Sequence[str] = ()
    rules: Path | None = None
    sales: str | Path | None = None
    query: str | None = None
    columns: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    products: int = 3
    out: Path | None = None
    log: Path | None = None
    guard: GuardConfig = field(default_factory=GuardConfig)
    learning: PolicyConfig = field(default_factory=PolicyConfig)
    rehearsal: RehearsalConfig = field(default_factory=RehearsalConfig)


@dataclass(frozen=True)
class SimulateResult:
    """What was rehearsed.

    Parameters
    ----------
    matrix : RegretMatrix
        Policies by markets.
    verdicts : list of str
        What it says, in sentences.
    shop : Shop
        What it was rehearsed with.
    out, log : pathlib.Path or None
        What was written.
    warnings : list of str
        What should be known.
    """

    matrix: RegretMatrix
    verdicts: list[str]
    shop: Shop
    out: Path | None
    log: Path | None
    warnings: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        shop = self.shop
        products = [
            {
                "sku": str(sku),
                "price": float(shop.facts.price[at]),
                "unit_cost": float(shop.costs[at]),
                "units_a_day": float(shop.units[at]),
                "own_price_elasticity": float(shop.elasticity[at]),
                "elasticity_se": float(shop.elasticity_error[at]),
                "menu": shop.prices[at].tolist(),
            }
            for at, sku in enumerate(shop.facts.skus)
        ]
        return {
            **self.matrix.to_dict(),
            "verdicts": self.verdicts,
            "products": products,
            "out": str(self.out) if self.out else None,
            "log": str(self.log) if self.log else None,
            "warnings": self.warnings,
        }


def simulate_policies(request: SimulateRequest, progress: Progress = Silence()) -> SimulateResult:
    """Rehearse policies in markets, under the rules of the shop.

    Raises
    ------
    ConfigError
        If a name is not known, a log is asked for of several policies or markets, or the work is too large.
    DataError
        If no product of the sales can be rehearsed.
    RuleError
        If a rule is wrong or names a column that is not there.
    OutputError
        If something cannot be written.
    """
    policies = list(dict.fromkeys(request.policies)) or list(POLICIES)
    markets = list(dict.fromkeys(request.markets)) or list(MARKETS)
    for name in markets:
        market_kind(name)
    _check_outputs(request, policies, markets)
    book = load_rules(request.rules) if request.rules else RuleBook()
    shop, warnings = example_shop(book), list[str]()
    if request.sales is not None:
        progress.start("learning demand from the sales", 0)
        shop, warnings = _shop_of_sales(request, book)
    rehearsal = request.rehearsal
    rows = (len(policies) + shop.prices.shape[1]) * len(shop.facts) * rehearsal.replications
    if rows * rehearsal.market.days * len(markets) > _MOST_WORK:
        raise ConfigError(
            "expected a rehearsal of at most 40 million days of a product, all policies, prices and "
            "markets together, "
            f"got {rows * rehearsal.market.days * len(markets):,}. Ask for fewer replications, days or "
            f"products"
        )
    guard = Guard(shop, book, request.guard)
    matrix = regret_matrix(guard, policies, markets, rehearsal, learning=request.learning, progress=progress)
    result = SimulateResult(matrix, verdicts(matrix), shop, request.out, request.log, warnings)
    if request.log is not None:
        course = rehearse(
            guard,
            market_kind(markets[0]),
            [lambda scene: build_policy(policies[0], scene, request.learning)],
            rehearsal,
            keep_log=True,
        )[0]
        with replaced_file(request.log) as draft:
            write_frame(log_of(course, shop).table(), draft, price_format(request.log))
    if request.out is not None:
        with replaced_file(request.out) as draft:
            text = json.dumps({"schema": 1, **result.to_dict()}, ensure_ascii=False, indent=1)
            draft.write_text(text + "\n", encoding="utf-8")
    return result


def _check_outputs(request: SimulateRequest, policies: Sequence[str], markets: Sequence[str]) -> None:
    if request.out is not None and request.out.suffix != ".json":
        raise ConfigError(f"expected a .json file to write the matrix to, got {request.out.name!r}")
    if request.log is not None:
        price_format(request.log)
        if len(policies) != 1 or len(markets) != 1:
            raise ConfigError(
                f"expected one policy and one market for a log, got {len(policies)} and {len(markets)}. "
                f"Name them, "
                "as in: --policy thompson --market stationary --log decisions.csv"
            )
    for target in (request.out, request.log):
        if target is not None and Path(str(request.sales)).resolve() == target.resolve():
            raise ConfigError(f"expected another file to write to than to read from, got {target} for both")


def _shop_of_sales(request: SimulateRequest, book: RuleBook) -> tuple[Shop, list[str]]:
    """Return the best sellers with a demand curve and a cost, and what was left out."""
    checked = read_sales(str(request.sales), query=request.query, columns=request.columns)
    panel = weekly_panel(checked)
    model = learn_demand(panel, DemandConfig(seed=request.rehearsal.seed))
    cost = panel.rows.groupby("sku")["unit_cost"].median()
    known, dropped = [], 0
    for one in model.estimates:
        unit_cost = float(cost.get(one.sku, np.nan))
        curve = one.curve
        if curve is None or curve.elasticity >= 0 or not 0 <= unit_cost < curve.reference_price:
            dropped += 1
        else:
            known.append((one, curve, unit_cost))
    if not known:
        raise DataError(
            f"{request.sales}: expected a product with a demand curve that falls and a unit_cost below "
            f"its price, "
            f"got none of {len(model.estimates):,}. Profit needs costs: name the column with --column "
            "unit_cost=COLUMN, and look at `pricelm demand` for the curves"
        )
    known.sort(key=lambda item: item[1].reference_units * item[1].reference_price, reverse=True)
    known = known[: request.products]
    frame = pd.DataFrame(
        {
            "sku": [one.sku for one, _, _ in known],
            "category": [one.category for one, _, _ in known],
            "price": [curve.reference_price for _, curve, _ in known],
            "unit_cost": [unit_cost for *_, unit_cost in known],
        }
    )
    today = (checked.sales["date"].max() + pd.Timedelta(days=1)).date()
    facts = ProductFacts(frame, today, panel.currency)
    warnings = list(checked.warnings)
    if len(checked.rejected):
        warnings.append(
            f"{len(checked.rejected):,} rows of the sales were left out; `pricelm demand` lists them"
        )
    if dropped:
        warnings.append(
            f"{dropped:,} products have no falling demand curve, or no cost below their price, and were "
            f"left out"
        )
    return learned_shop(facts, [curve for _, curve, _ in known], model.period_days, book), warnings


@dataclass(frozen=True)
class OffPolicyRequest:
    """What `judge_from_log` is asked for.

    Parameters
    ----------
    log : str or pathlib.Path
        Table of decisions.
    prices : mapping
        Product to the price that the new policy would always ask; ``""`` for all others.
    policy : str, optional
        Name of a policy that learns from the first days and is judged by the rest, instead of prices.
    learn_share : float, default 0.5
        Share of the days that it learns from.
    config : OffPolicyConfig
        Level and limits.
    """

    log: str | Path
    prices: Mapping[str, float] = field(default_factory=dict)
    policy: str | None = None
    learn_share: float = 0.5
    config: OffPolicyConfig = field(default_factory=OffPolicyConfig)


def judge_from_log(request: OffPolicyRequest) -> OffPolicyResult:
    """Say what another policy would earn, from the log of the one that was at work.

    Raises
    ------
    ConfigError
        If neither or both of prices and a policy are given.
    DataError
        If the log cannot be used.
    SupportError
        If the log cannot tell.
    """
    if bool(request.prices) == (request.policy is not None):
        raise ConfigError("expected either --price or --policy: what is to be judged")
    frame = read_listings(request.log)
    if frame.attrs.get("rejected"):
        raise DataError(
            f"{request.log}: expected a log whose every row can be read, got "
            f"{len(frame.attrs['rejected']):,} "
            "broken rows. Decisions that are missing would bias the answer"
        )
    log = read_log(frame)
    if request.policy is None:
        target: Target = PriceTarget(dict(request.prices))
    else:
        target, log = learn_from_log(log, request.policy, request.learn_share)
    return evaluate_target(log, target, request.config)


def noise_of_sales(
    source: str | Path,
    *,
    query: str | None = None,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    sku: str | None = None,
) -> TrialNoise:
    """Measure how noisy sales are, for the design of a price test.

    Logs of weekly units, less what product, season of all stores together, and price explain. A day is
    taken as noisier than a week by the square root of 7, and days as independent within a week.

    Parameters
    ----------
    source : str or pathlib.Path
        Sales.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Role to column.
    sku : str, optional
        One product; the best seller by default.

    Raises
    ------
    DataError
        If there are fewer than 8 weeks of the product.
    """
    panel = weekly_panel(read_sales(source, query=query, columns=columns))
    rows = panel.usable
    if rows.empty:
        raise DataError(f"{source}: expected usable weeks of sales, got none")
    name = sku or str((rows["units"] * rows["price"]).groupby(rows["sku"]).sum().idxmax())
    own = rows[rows["sku"] == name]
    weeks = own.pivot_table(index="period", columns="store", values="units", aggfunc="sum")
    if len(weeks) < _FEWEST_WEEKS:
        raise DataError(
            f"{source}: expected {_FEWEST_WEEKS} weeks of {name!r} or more to measure its noise, got "
            f"{len(weeks)}"
        )
    return _noise(panel, own, weeks)


def _noise(panel: SalesPanel, own: pd.DataFrame, weeks: pd.DataFrame) -> TrialNoise:
    price = own.groupby("period")["price"].mean().reindex(weeks.index).to_numpy(dtype=np.float64)
    total = np.log1p(weeks.sum(axis=1).to_numpy(dtype=np.float64))
    period = weeks.index.to_numpy(dtype=np.float64)
    design = np.column_stack([np.ones(len(total)), np.log(price), panel.season(period)])
    residual = total - design @ np.linalg.lstsq(design, total, rcond=None)[0]
    freedom = max(len(total) - np.linalg.matrix_rank(design), 1)
    weekly = max(float(np.sqrt((residual**2).sum() / freedom)), 1e-3)
    lag = float((residual[1:] * residual[:-1]).sum() / max(float((residual**2).sum()), 1e-12))
    stores = np.log1p(weeks.mean(axis=0).to_numpy(dtype=np.float64))
    between = float(np.std(stores, ddof=1)) if len(stores) > 1 else 0.0
    # what a week has in common with the next, spread over seven days
    daily = float(np.clip(lag, 0.0, 0.9)) ** (1 / panel.period_days)
    autocorrelation = min(daily, 0.98) if lag > 0.05 else 0.0
    return TrialNoise(_daily(weekly, autocorrelation, panel.period_days), autocorrelation, between)


def _daily(weekly: float, autocorrelation: float, period_days: float) -> float:
    return weekly / float(np.sqrt(mean_variance(round(period_days), 1.0, autocorrelation)))
