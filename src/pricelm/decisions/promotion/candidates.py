"""Which campaigns might run next, and what each would bring: only what has been tried and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import DataError
from pricelm.decisions.demand.panel import SalesPanel
from pricelm.decisions.promotion.calendar import Candidate
from pricelm.decisions.promotion.measure import Effect, PromotionStudy

_RECENT_WEEKS = 13


@dataclass(frozen=True)
class CandidateConfig:
    """What the next campaigns are like.

    Parameters
    ----------
    length : int, default 1
        Weeks of a campaign.
    campaign_cost : float, default 0
        Cost of a campaign beside its discount, in currency.
    """

    length: int = 1
    campaign_cost: float = 0.0


def candidates(
    panel: SalesPanel, study: PromotionStudy, config: CandidateConfig = CandidateConfig()
) -> list[Candidate]:
    """Return one candidate for every product with a measured campaign and a unit cost.

    Its uplift is that of its own campaigns, pulled towards the mean of all by empirical Bayes; its prices are
    the usual promoted and unpromoted ones of its past.

    Raises
    ------
    DataError
        If the sales have no unit cost: profit is not known then.
    """
    rows = panel.usable
    if rows["unit_cost"].isna().all():
        raise DataError(
            "no unit cost: expected a column of unit costs in the sales, without which no campaign can be "
            "weighed. Name it: --column unit_cost=COLUMN"
        )
    by_sku: dict[str, list[Effect]] = {}
    after: dict[str, list[Effect]] = {}
    for one in study.effects:
        if one.uplift:
            by_sku.setdefault(one.campaign.sku, []).append(one.uplift)
        if one.pull_forward:
            after.setdefault(one.campaign.sku, []).append(one.pull_forward)
    uplifts, later = _pooled(by_sku), _pooled(after)
    flagged = rows[list(panel.promotions)].max(axis=1) >= 0.5
    found = []
    for sku, part in rows.groupby("sku", sort=True):
        if sku not in uplifts:
            continue
        promoted, usual = part[flagged.loc[part.index]], part[~flagged.loc[part.index]]
        recent = usual[usual["period"] > rows["period"].max() - _RECENT_WEEKS]
        cost = float(part["unit_cost"].dropna().iloc[-1]) if part["unit_cost"].notna().any() else np.nan
        if recent.empty or promoted.empty or not np.isfinite(cost):
            continue
        weekly = float(recent.groupby("period")["units"].sum().mean())
        regular, special = float(recent["price"].median()), float(promoted["price"].median())
        base, sold = weekly * config.length, weekly * config.length * np.exp(uplifts[str(sku)])
        missing = weekly * study.config.weeks_after * -np.expm1(min(later.get(str(sku), 0.0), 0.0))
        gain = sold * (special - cost) - (base + missing) * (regular - cost) - config.campaign_cost
        spent = sold * max(regular - special, 0.0) + config.campaign_cost
        name = (str(sku), str(part["category"].iloc[0]))
        sums = float(gain), float(spent), special, float(sold - base)
        found.append(Candidate(*name, config.length, *sums, regular_price=regular))
    return found


def _pooled(effects: dict[str, Sequence[Effect]] | dict[str, list[Effect]]) -> dict[str, float]:
    """Mean log ratio by product, pulled towards the mean of all by how sure it is."""
    if not effects:
        return {}
    means, errors = [], []
    for known in effects.values():
        weights = np.array([1 / one.error**2 for one in known])
        means.append(float(weights @ [np.log1p(max(one.change, -0.99)) for one in known] / weights.sum()))
        errors.append(float(1 / weights.sum()))
    values, variances = np.array(means), np.array(errors)
    center = float(np.average(values, weights=1 / variances))
    spread = max(float(np.mean((values - center) ** 2 - variances)), 0.0)
    weight = spread / (spread + variances)
    return dict(zip(effects, (center + weight * (values - center)).tolist(), strict=True))
