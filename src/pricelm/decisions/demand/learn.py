"""Learning demand: every product climbs the ladder, then category neighbours steady what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd
from scipy import stats

from pricelm.core.errors import DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand.confounding import confounding_badge
from pricelm.decisions.demand.cross import cross_elasticities
from pricelm.decisions.demand.design import category_design
from pricelm.decisions.demand.ladder import (
    DemandConfig,
    OwnEstimate,
    category_residuals,
    naive_elasticity,
    own_estimate,
)
from pricelm.decisions.demand.levels import anchored_curve
from pricelm.decisions.demand.panel import SalesPanel
from pricelm.decisions.demand.records import Confounding, DemandEstimate, DemandModel
from pricelm.decisions.demand.shrinkage import PUBLISHED_OWN, Pool, pooled

_RUNGS = ("category prior", "fixed-effects Poisson", "double machine learning", "instruments")
_ENOUGH = 3


def learn_demand(
    panel: SalesPanel, config: DemandConfig = DemandConfig(), progress: Progress = Silence()
) -> DemandModel:
    """Estimate the demand for every product of a panel.

    Parameters
    ----------
    panel : SalesPanel
        Weekly sales.
    config : DemandConfig
        Limits and levels.
    progress : Progress
        Told what happens.

    Returns
    -------
    DemandModel
        One estimate a product, refused products included.

    Raises
    ------
    DataError
        If no product has a usable week.
    """
    usable = panel.usable
    if usable.empty:
        refusals = "; ".join(f"{sku}: {why}" for sku, why in list(panel.refusals.items())[:3])
        raise DataError(
            f"expected weeks with something to sell, got none ({refusals or 'no stock in any week'})"
        )
    progress.start("learning demand", int(usable["sku"].nunique()))
    learned: list[_Learned] = []
    for name, rows in usable.groupby("category", sort=True):
        learned += _category(panel, str(name), rows, config, progress)
    pools = _pools(learned)
    estimates = [_estimate(one, pools[one.category], config) for one in learned]
    estimates += list(_refused(panel, {one.sku for one in learned}, config))
    estimates.sort(key=lambda estimate: estimate.sku)
    return DemandModel(
        estimates,
        {name: asdict(pool.prior) for name, pool in pools.items()},
        panel.period_days,
        panel.currency,
        asdict(config),
    )


class _Learned:
    """A product between its own estimate and the shrinkage."""

    def __init__(self, sku: str, category: str, rows: pd.DataFrame, own: OwnEstimate) -> None:
        self.sku, self.category, self.rows, self.own = sku, category, rows, own
        self.naive = (float("nan"), float("nan"))
        self.cross: dict[str, tuple[float, float, float]] = {}


def _category(
    panel: SalesPanel, name: str, rows: pd.DataFrame, config: DemandConfig, progress: Progress
) -> Iterator[_Learned]:
    design = category_design(panel, rows)
    rest = category_residuals(design, config)
    positions = pd.Series(np.arange(len(design.rows))).groupby(design.rows["sku"].to_numpy())
    crosses = cross_elasticities(design, config.confidence_level)
    for sku, chosen in positions:
        at = chosen.to_numpy()
        one = _Learned(str(sku), name, design.rows.iloc[at], own_estimate(design, at, rest, config))
        one.naive = naive_elasticity(design, at)
        one.cross = crosses.get(str(sku), {})
        progress.advance(1, one.sku)
        yield one


def _pools(learned: list[_Learned]) -> dict[str, Pool]:
    """Pool the estimates of every category from its best rung that has enough products."""
    overall = _pool_of(learned, "all categories", Pool.of(PUBLISHED_OWN))
    names = dict.fromkeys(one.category for one in learned)
    return {
        name: _pool_of([one for one in learned if one.category == name], name or "all products", overall)
        for name in names
    }


def _pool_of(learned: list[_Learned], source: str, wider: Pool) -> Pool:
    own = [one.own for one in learned if np.isfinite(one.own.elasticity)]
    for lowest in range(len(_RUNGS) - 1, 0, -1):
        # a biased rung must not pull the products that stand above it
        enough = [one for one in own if one.rung in _RUNGS[lowest:]]
        if len(enough) >= _ENOUGH:
            values, errors = np.array([(one.elasticity, one.error) for one in enough]).T
            return pooled(values, errors, f"{len(enough)} products of {source}", wider)
    return wider


def _estimate(one: _Learned, pool: Pool, config: DemandConfig) -> DemandEstimate:
    own, known = one.own, bool(np.isfinite(one.own.elasticity))
    if known:
        value, error, weight = pool.shrink(own.elasticity, own.error)
        why = f"{own.why}; {weight:.0%} from its own sales, the rest from {pool.source}"
    else:
        value, error, weight = pool.prior.mean, pool.prior.standard_error, 0.0
        why = f"{own.why}; the elasticity is that of {pool.source}"
    if value > 0:
        why += "; the sign is wrong for a demand curve: do not act on it"
    reach = float(stats.norm.ppf((1 + config.confidence_level) / 2)) * error
    refusal = "" if known else own.why
    curve = anchored_curve(one.rows, value, error, config.support_margin)
    return DemandEstimate(
        one.sku,
        one.category,
        own.rung if curve else "none",
        why,
        curve,
        value - reach if curve else None,
        value + reach if curve else None,
        config.confidence_level,
        confounding_badge(*one.naive, own),
        own.elasticity if known else None,
        own.error if known else None,
        weight if known else None,
        own.first_stage_f,
        len(one.rows),
        int(one.rows["store"].nunique()),
        int(one.rows["price"].round(4).nunique()),
        refusal,
        one.cross,
    )


def _refused(panel: SalesPanel, known: set[str], config: DemandConfig) -> Iterator[DemandEstimate]:
    for sku, rows in panel.rows.groupby("sku", sort=True):
        if sku in known:
            continue
        refusal = panel.refusals.get(str(sku), "no stock: there was nothing to sell in any week")
        badge = Confounding("not tested")
        level = config.confidence_level
        category = str(rows["category"].iloc[0])
        yield DemandEstimate(
            str(sku), category, "none", refusal, None, None, None, level, badge, refusal=refusal
        )
