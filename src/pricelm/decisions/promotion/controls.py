"""Matched controls: what a campaign is compared with, and the contrast itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.decisions.promotion.campaigns import Grid
from pricelm.decisions.promotion.config import PromotionConfig

PARTS = ("uplift", "pull_forward", "cannibalization", "halo")
_HALF = 0.5


@dataclass(frozen=True)
class Contrast:
    """Actual against baseline sales.

    Parameters
    ----------
    actual, baseline : float
        Units with the campaign, and as they would have been.
    log_ratio : float
        Logarithm of their ratio.
    error : float
        Standard error of it if customers came independently.
    """

    actual: float
    baseline: float
    log_ratio: float
    error: float

    @property
    def score(self) -> float:
        """The log ratio in standard errors."""
        return self.log_ratio / self.error


def contrasts(
    grid: Grid, rows: np.ndarray, span: tuple[int, int], config: PromotionConfig
) -> tuple[dict[str, Contrast], str]:
    """Compare series with their controls, during a span of weeks and after it.

    Parameters
    ----------
    grid : Grid
        All series.
    rows : numpy.ndarray
        The promoted series of one product.
    span : tuple of int
        First week and the one after the last.
    config : PromotionConfig
        Weeks before and after, and how many controls.

    Returns
    -------
    dict of str to Contrast, and str
        The parts that can be measured, and what the comparison was made with.
    """
    start, stop = span
    begin, end = start - config.weeks_before, min(stop + config.weeks_after, grid.units.shape[1])
    window = grid.units[:, begin:end]
    clean = ~np.isnan(window).any(axis=1) & ~grid.flagged[:, begin:end].any(axis=1)
    if np.isnan(window[rows]).any():
        return {}, "weeks are missing around it"
    sku, store, category = (grid.keys[name].to_numpy() for name in ("sku", "store", "category"))
    own_sku, own_category = sku[rows[0]], category[rows[0]]
    here = np.isin(store, store[rows])
    elsewhere = clean & ~here & (sku == own_sku)
    other = clean & (category != own_category)
    others = elsewhere | other
    note = "the same product elsewhere, and other categories"
    if not others.any():
        others = clean & (sku != own_sku)
        note = "the same category: what it lost to the campaign adds to the uplift"
    length = stop - start
    before, during = slice(0, config.weeks_before), slice(config.weeks_before, config.weeks_before + length)
    after = slice(config.weeks_before + length, end - begin)
    chosen = _matched(window, rows, others, before, config.n_controls)
    if not chosen.size:
        return {}, "no series without a promotion in these weeks"
    found: dict[str, Contrast] = {}
    own, control = window[rows].sum(axis=0), window[chosen].sum(axis=0)
    _add(found, "uplift", own, control, (before, during))
    if after.stop > after.start and not grid.flagged[rows, stop:end].any():
        _add(found, "pull_forward", own, control, (before, after))
    rivals = clean & here & (category == own_category) & (sku != own_sku)
    apart = clean & ~here
    for part, touched, free in (
        ("cannibalization", rivals, other | apart),
        ("halo", clean & here & (category != own_category), apart),
    ):
        if touched.any() and free.any():
            touched_rows = np.flatnonzero(touched)
            matched = _matched(window, touched_rows, free & ~touched, before, config.n_controls)
            if matched.size:
                sums = window[touched_rows].sum(axis=0), window[matched].sum(axis=0)
                _add(found, part, *sums, (before, during))
    return found, note


def _matched(
    window: np.ndarray, rows: np.ndarray, allowed: np.ndarray, before: slice, count: int
) -> np.ndarray:
    """Series whose weeks before went most alike, and that sell."""
    past = window[:, before]
    usable = np.flatnonzero(allowed & (np.nan_to_num(past).sum(axis=1) > 0))
    if not usable.size:
        return usable
    own = _shape(past[rows].sum(axis=0)[None])
    distance = ((_shape(past[usable]) - own) ** 2).mean(axis=1)
    return usable[np.argsort(distance, kind="stable")[:count]]


def _shape(past: np.ndarray) -> np.ndarray:
    logs = np.log(past + _HALF)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def _add(
    found: dict[str, Contrast], part: str, own: np.ndarray, control: np.ndarray, spans: tuple[slice, slice]
) -> None:
    before, during = spans
    past, kept, moved = own[before].sum(), control[before].sum(), control[during].sum()
    actual = float(own[during].sum())
    if past <= 0 or kept <= 0:
        return
    baseline = float(past * (moved + _HALF) / (kept + _HALF))
    counts = np.array([baseline, past, kept, moved])
    error = float(np.sqrt((1 / (counts + _HALF)).sum()))
    log_ratio = float(np.log((actual + _HALF) / (baseline + _HALF)))
    found[part] = Contrast(actual, baseline, log_ratio, error)
