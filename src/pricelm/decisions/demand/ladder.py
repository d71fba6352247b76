"""The ladder: which estimate a product's sales can carry, and why not the next one up.

category prior -> fixed-effects Poisson -> double machine learning -> instruments
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.demand.design import Design
from pricelm.decisions.demand.orthogonal import CrossFitting, Nuisance, Residuals, partially_linear, residuals
from pricelm.decisions.demand.poisson import poisson_regression
from pricelm.decisions.demand.records import Rung
from pricelm.decisions.demand.regression import Fit, demean, numbered

_ROWS_FOR_BOOSTING = 3_000
_MOST_ZEROS = 0.05
_MOST_SOLD_OUT = 0.10
_LEAST_VARIATION = 0.01
_LEAST_COST_VARIATION = 0.005
_ROWS_FOR_NAIVE = 8


@dataclass(frozen=True)
class DemandConfig:
    """How demand is estimated.

    Parameters
    ----------
    confidence_level : float, default 0.9
        Of the intervals.
    min_observations : int, default 20
        Fewest weeks (over all stores) for an estimate of a product's own.
    min_category_rows : int, default 200
        Fewest rows of a category for double machine learning.
    weak_f : float, default 10.0
        First-stage F below which an instrument counts as weak and is not used.
    support_margin : float, default 0.05
        Share by which the supported prices go beyond those seen.
    seed : int, default 0
        Of the folds.
    """

    confidence_level: float = 0.9
    min_observations: int = 20
    min_category_rows: int = 200
    weak_f: float = 10.0
    support_margin: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence_level < 1:
            raise ConfigError(f"expected a confidence_level between 0 and 1, got {self.confidence_level}")
        if self.min_observations < 5 or self.min_category_rows < 20:
            raise ConfigError("expected min_observations of at least 5 and min_category_rows of at least 20")
        if not 0 <= self.support_margin <= 0.5:
            raise ConfigError(f"expected a support_margin between 0 and 0.5, got {self.support_margin}")


@dataclass(frozen=True)
class OwnEstimate:
    """What a product's own sales say of its elasticity.

    Parameters
    ----------
    rung : str
        Where on the ladder.
    why : str
        Why there.
    elasticity, error : float
        Estimate and standard error; NaN on the lowest rung.
    rival, rival_error : float
        Response to the mean price of the rivals; NaN where it does not move.
    n_clusters : int
        For the degrees of freedom.
    first_stage_f : float or None
        Of the instrument, where there is one.
    """

    rung: Rung
    why: str
    elasticity: float = float("nan")
    error: float = float("nan")
    rival: float = float("nan")
    rival_error: float = float("nan")
    n_clusters: int = 1
    first_stage_f: float | None = None


def category_residuals(design: Design, config: DemandConfig) -> Residuals | None:
    """Explain units, prices and costs of a category by its controls; None where that is not worth it.

    Parameters
    ----------
    design : Design
        The category's rows.
    config : DemandConfig
        Limits and seed.

    Returns
    -------
    Residuals or None
        Out of fold, weeks kept together; None for too few rows or weeks.
    """
    n_rows, n_periods = len(design.rows), int(design.period.max()) + 1
    if n_rows < config.min_category_rows or n_periods < config.min_observations // 2:
        return None
    costs = design.instruments()
    both = [design.log_units[:, None], design.treatments(), *([costs] if costs is not None else [])]
    within = design.within(np.column_stack(both))
    k = both[1].shape[1]
    cost_columns = None if costs is None else within[:, 1 + k :]
    controls = design.controls()
    if not controls.shape[1]:
        return Residuals(within[:, 0], within[:, 1 : 1 + k], cost_columns)
    moved = design.within(controls)
    # boosting knows a product and its weeks by the controls, and takes out a cost that stays for months by
    # what it was in the weeks beside: the instrument would lose most of its strength
    kind: Nuisance = "boosting" if costs is None and n_rows >= _ROWS_FOR_BOOSTING else "linear"
    if kind == "boosting":
        moved = np.column_stack([moved, controls])
    return residuals(
        within[:, 0],
        within[:, 1 : 1 + k],
        moved,
        design.period,
        instruments=cost_columns,
        config=CrossFitting(kind, seed=config.seed),
    )


def own_estimate(
    design: Design, chosen: np.ndarray, rest: Residuals | None, config: DemandConfig
) -> OwnEstimate:
    """Climb the ladder for one product.

    Parameters
    ----------
    design : Design
        The rows of its category.
    chosen : numpy.ndarray
        Positions of the product's rows.
    rest : Residuals or None
        Of the category.
    config : DemandConfig
        Limits.

    Returns
    -------
    OwnEstimate
        On the highest rung that support, variation and instrument allow.
    """
    lacking = _lacking(design, chosen, config)
    if lacking:
        return OwnEstimate("category prior", lacking)
    units = design.rows["units"].to_numpy()[chosen]
    sold_out = design.rows["sold_out"].to_numpy(bool)[chosen]
    zeros, limited = float((units == 0).mean()), float(sold_out.mean())
    if rest is None:
        reason = (
            f"its category has too few rows for double machine learning ({config.min_category_rows} needed)"
        )
    elif zeros > _MOST_ZEROS:
        reason = f"{zeros:.0%} of its weeks sold nothing, which logarithms cannot take"
    elif limited > _MOST_SOLD_OUT:
        reason = f"{limited:.0%} of its weeks sold out; the censored Poisson model allows for that"
    else:
        return _by_residuals(design, chosen[~sold_out], rest, config)
    return _by_poisson(design, chosen, reason)


def naive_elasticity(design: Design, chosen: np.ndarray) -> tuple[float, float]:
    """Return elasticity and standard error when nothing but the price is looked at."""
    if len(chosen) < _ROWS_FOR_NAIVE or np.ptp(design.log_price[chosen]) == 0:
        return float("nan"), float("nan")
    units = design.rows["units"].to_numpy(np.float64)[chosen]
    clusters = numbered(design.period[chosen])
    try:
        fit = poisson_regression(
            units,
            design.log_price[chosen][:, None],
            [np.zeros(len(chosen), dtype=np.intp)],
            clusters=clusters,
        ).fit
    except DataError:
        return float("nan"), float("nan")
    return float(fit.coefficients[0]), float(fit.standard_errors[0])


def _lacking(design: Design, chosen: np.ndarray, config: DemandConfig) -> str:
    prices = design.rows["price"].to_numpy()[chosen]
    if len(chosen) < config.min_observations:
        return f"too few observations: {len(chosen)} weeks, {config.min_observations} needed"
    if np.ptp(prices) <= 1e-9 * prices.max():
        return f"one price only: {prices[0]:g} in all {len(chosen)} weeks"
    missing = _missing_share(design, chosen)
    if missing > 0.5:
        return f"gaps: {missing:.0%} of the weeks between its first and last sale are missing"
    variation = float(np.std(design.within(design.log_price[:, None])[chosen]))
    if variation < _LEAST_VARIATION:
        return f"too little variation: prices move by {variation:.1%} once stores and weeks are allowed for"
    if not design.rows["units"].to_numpy()[chosen].any():
        return "no sales: nothing was sold in any week"
    return ""


def _missing_share(design: Design, chosen: np.ndarray) -> float:
    series, period = design.series[chosen], design.rows["period"].to_numpy()[chosen]
    spans = sum(int(np.ptp(period[series == one])) + 1 for one in np.unique(series))
    return 1 - len(chosen) / max(spans, 1)


def _by_residuals(design: Design, chosen: np.ndarray, rest: Residuals, config: DemandConfig) -> OwnEstimate:
    part = Residuals(rest.outcome[chosen], rest.treatments[chosen])
    if rest.instruments is None:
        why = "no instrument: unit costs are not known, or do not move"
        return _read("double machine learning", why, _careful(part, design, chosen))
    if not _cost_moves(design, chosen):
        why = "no instrument: its unit cost does not move"
        return _read("double machine learning", why, _careful(part, design, chosen))
    fit, among = _through_costs(part, rest.instruments[chosen], design, chosen, config)
    strength = fit.first_stage_f
    if not strength >= config.weak_f or not np.isfinite(fit.standard_errors[0]):
        why = f"unit cost is a weak instrument here (first-stage F {strength:.1f}, {config.weak_f:g} needed)"
        return _read("double machine learning", why, _careful(part, design, chosen), strength)
    why = f"unit cost moves the price strongly enough (first-stage F {strength:.0f}){among}"
    return _read("instruments", why, fit, strength)


def _through_costs(
    part: Residuals, costs: np.ndarray, design: Design, chosen: np.ndarray, config: DemandConfig
) -> tuple[Fit, str]:
    """Instrument own and rivals' prices, or the own alone where their costs cannot tell the two apart."""
    fit = _careful(Residuals(part.outcome, part.treatments, costs), design, chosen)
    # without week effects costs that move together would lend the own price what the rivals' do
    if fit.first_stage_f >= config.weak_f or costs.shape[1] == 1 or not design.week_effects:
        return fit, ""
    alone = Residuals(part.outcome, part.treatments[:, :1], costs[:, :1])
    return _careful(alone, design, chosen), "; costs do not tell the rivals' prices from the own"


def _cost_moves(design: Design, chosen: np.ndarray) -> bool:
    """Tell whether the product's own cost moves; week effects would lend it the moves of the others."""
    assert design.log_cost is not None
    within = demean(design.log_cost[chosen][:, None], [numbered(design.series[chosen])])
    return bool(np.std(within) > _LEAST_COST_VARIATION)


def _careful(rest: Residuals, design: Design, chosen: np.ndarray) -> Fit:
    """Cluster by week and by store, where there are enough of each, and keep the larger error."""
    fits = [partially_linear(rest, numbered(design.period[chosen]))]
    stores = numbered(design.store[chosen])
    if stores.max() + 1 >= 10:
        fits.append(partially_linear(rest, stores))
    return max(fits, key=lambda fit: float(np.nan_to_num(fit.standard_errors[0], nan=np.inf)))


def _by_poisson(design: Design, chosen: np.ndarray, reason: str) -> OwnEstimate:
    columns = [design.treatments()[chosen], design.flags[chosen], design.season[chosen]]
    units = design.rows["units"].to_numpy(np.float64)[chosen]
    sold_out = design.rows["sold_out"].to_numpy(bool)[chosen]
    clusters = numbered(design.period[chosen])
    settings = {"clusters": clusters, "sold_out": sold_out}
    try:
        x = np.column_stack(columns)
        if x.shape[1] * 4 > len(chosen):  # fewer than four weeks a column: season and flags would fit noise
            x, reason = columns[0][:, :1], f"{reason}; too few weeks for season and promotions"
        fit = poisson_regression(units, x, [design.series[chosen]], **settings).fit
    except DataError as error:
        return OwnEstimate("category prior", f"the Poisson regression failed: {error}")
    if not np.isfinite(fit.standard_errors[0]):
        return OwnEstimate("category prior", "the price moves only together with promotions or season")
    return _read("fixed-effects Poisson", reason, fit, has_rival=design.has_rivals and x.shape[1] > 1)


def _read(
    rung: Rung, why: str, fit: Fit, strength: float | None = None, *, has_rival: bool = True
) -> OwnEstimate:
    if not np.isfinite(fit.standard_errors[0]):
        return OwnEstimate(
            "category prior", "the price moves only together with the controls", first_stage_f=strength
        )
    rival = (float("nan"), float("nan"))
    if has_rival and len(fit.coefficients) > 1:
        rival = float(fit.coefficients[1]), float(fit.standard_errors[1])
    return OwnEstimate(
        rung,
        why,
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        *rival,
        n_clusters=fit.n_clusters,
        first_stage_f=strength,
    )
