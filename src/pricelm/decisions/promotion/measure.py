"""What campaigns did: against matched controls, and against what the same measure finds where nothing ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pricelm.core.errors import DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand.panel import SalesPanel
from pricelm.decisions.promotion.campaigns import Campaign, Grid, find_campaigns, sales_grid
from pricelm.decisions.promotion.config import FEWEST_PLACEBOS, PromotionConfig
from pricelm.decisions.promotion.controls import PARTS, Contrast, contrasts


@dataclass(frozen=True)
class Effect:
    """A change of units with its uncertainty.

    Parameters
    ----------
    baseline, actual : float
        Units without and with the campaign, over all its weeks and stores.
    change, low, high : float
        Share by which sales changed, and its interval: 0.5 is half as much again.
    p_value : float
        Share of placebos that stray as far.
    error : float
        Standard error of the logarithm of the ratio, for pooling.
    """

    baseline: float
    actual: float
    change: float
    low: float
    high: float
    p_value: float
    error: float


@dataclass(frozen=True)
class CampaignEffect:
    """What one campaign did.

    Parameters
    ----------
    campaign : Campaign
        Which one.
    uplift, pull_forward, cannibalization, halo : Effect or None
        Change of the product's sales during the campaign and in the weeks after it, of its category and of
        the rest of the store during it; None where there is nothing to compare with.
    controls : str
        What it was compared with.
    refusal : str
        Name and detail of why nothing was measured; empty otherwise.
    """

    campaign: Campaign
    uplift: Effect | None = None
    pull_forward: Effect | None = None
    cannibalization: Effect | None = None
    halo: Effect | None = None
    controls: str = ""
    refusal: str = ""

    def row(self) -> dict[str, Any]:
        """Return the line of the table."""
        one = self.campaign
        line: dict[str, Any] = {"sku": one.sku, "stores": len(one.stores), "start": one.start, "end": one.end}
        line["kinds"] = " ".join(one.kinds)
        for part in PARTS:
            effect = getattr(self, part)
            line[part] = effect.change if effect else None
            line[f"{part}_low"] = effect.low if effect else None
            line[f"{part}_high"] = effect.high if effect else None
            line[f"{part}_units"] = effect.actual - effect.baseline if effect else None
            line[f"{part}_p_value"] = effect.p_value if effect else None
        return {**line, "controls": self.controls, "refusal": self.refusal}


@dataclass(frozen=True)
class PromotionStudy:
    """What all campaigns did.

    Parameters
    ----------
    effects : list of CampaignEffect
        One a campaign.
    placebos : dict of str to list of float
        Standardized placebo effects by part, sorted; they set the intervals.
    placebo_coverage : dict of str to float
        Share of placebos whose interval, set by the other half of the placebos, holds 0.
    config : PromotionConfig
        How it was measured.
    """

    effects: list[CampaignEffect]
    placebos: dict[str, list[float]]
    placebo_coverage: dict[str, float]
    config: PromotionConfig = field(default_factory=PromotionConfig)


def measure_promotions(
    panel: SalesPanel, config: PromotionConfig = PromotionConfig(), progress: Progress = Silence()
) -> PromotionStudy:
    """Measure the campaigns of a panel.

    Sales before a campaign, moved by what matched controls did, are the baseline. The same is measured at
    places and times where nothing ran; how far it strays there sets the intervals and the p-values.

    Parameters
    ----------
    panel : SalesPanel
        Weekly sales with promotion columns.
    config : PromotionConfig
        How.
    progress : Progress
        Told what happens.

    Returns
    -------
    PromotionStudy
        One effect a campaign, refused ones included.

    Raises
    ------
    DataError
        If there is no promotion column, no campaign, or too little without a promotion to compare with.
    """
    grid = sales_grid(panel)
    campaigns = find_campaigns(panel)
    if not campaigns:
        raise DataError("no campaign: expected promoted weeks beside others, got none")
    progress.start("measuring campaigns", len(campaigns))
    placebos = _placebos(grid, config, [one.end - one.start + 1 for one in campaigns])
    scores = {part: [one[part].score for one in placebos if part in one] for part in PARTS}
    if len(scores["uplift"]) < FEWEST_PLACEBOS:
        raise DataError(
            f"too little without promotion: expected {FEWEST_PLACEBOS} stretches of "
            f"{config.weeks_before + config.weeks_after + 1} weeks or more to test the measure on, got "
            f"{len(scores['uplift'])}"
        )
    effects = []
    for campaign in campaigns:
        effects.append(_effect(grid, campaign, config, scores))
        progress.advance(1, campaign.sku)
    coverage = {part: _held_share(values, config.confidence_level) for part, values in scores.items()}
    known = {part: value for part, value in coverage.items() if np.isfinite(value)}
    return PromotionStudy(effects, {part: sorted(values) for part, values in scores.items()}, known, config)


def _placebos(grid: Grid, config: PromotionConfig, lengths: Sequence[int]) -> list[dict[str, Contrast]]:
    rng = np.random.default_rng(config.seed)
    n_series, n_periods = grid.units.shape
    found: list[dict[str, Contrast]] = []
    for _ in range(config.n_placebos * 10):
        if len(found) == config.n_placebos:
            break
        row, length = int(rng.integers(n_series)), int(rng.choice(lengths))
        latest = n_periods - length - config.weeks_after
        if latest <= config.weeks_before:
            continue
        start = int(rng.integers(config.weeks_before, latest + 1))
        if grid.flagged[row, start - config.weeks_before : start + length + config.weeks_after].any():
            continue
        measured, _ = contrasts(grid, np.array([row]), (start, start + length), config)
        if "uplift" in measured:
            found.append(measured)
    return found


def _effect(
    grid: Grid, campaign: Campaign, config: PromotionConfig, scores: dict[str, list[float]]
) -> CampaignEffect:
    keys = grid.keys
    rows = np.flatnonzero((keys["sku"] == campaign.sku) & keys["store"].isin(campaign.stores))
    start, stop = campaign.start - grid.first, campaign.end + 1 - grid.first
    if start < config.weeks_before:
        return CampaignEffect(
            campaign, refusal=f"too early: {start} weeks before it, not {config.weeks_before}"
        )
    if grid.flagged[rows, start - config.weeks_before : start].any():
        return CampaignEffect(campaign, refusal="another campaign in the weeks before it")
    measured, controls = contrasts(grid, rows, (start, stop), config)
    if "uplift" not in measured:
        return CampaignEffect(campaign, controls=controls, refusal=f"no controls: {controls}")
    known = {
        part: _interval(one, scores[part], config.confidence_level)
        for part, one in measured.items()
        if len(scores[part]) >= FEWEST_PLACEBOS
    }
    return CampaignEffect(
        campaign,
        known.get("uplift"),
        known.get("pull_forward"),
        known.get("cannibalization"),
        known.get("halo"),
        controls,
    )


def _interval(one: Contrast, scores: Sequence[float], level: float) -> Effect:
    known = np.abs(np.asarray(scores))
    reach = _reach(known, level) * one.error
    low, high = np.exp(one.log_ratio - reach) - 1, np.exp(one.log_ratio + reach) - 1
    p_value = (1 + int((known >= abs(one.score)).sum())) / (1 + known.size)
    typical = float(np.quantile(known, 0.683)) * one.error
    change = float(np.expm1(one.log_ratio))
    return Effect(one.baseline, one.actual, change, float(low), float(high), p_value, typical)


def _reach(scores: np.ndarray, level: float) -> float:
    rank = min(int(np.ceil((scores.size + 1) * level)), scores.size)
    return float(np.sort(scores)[rank - 1])


def _held_share(values: Sequence[float], level: float) -> float:
    known = np.abs(np.asarray(values))
    if known.size < 2 * FEWEST_PLACEBOS:
        return float("nan")
    halves = (known[::2], known[1::2])
    held = [other <= _reach(own, level) for own, other in (halves, halves[::-1])]
    return float(np.concatenate(held).mean())
