"""Double machine learning: what season, promotions and weather explain is taken out of units and of price,
on rows that the explaining model has not seen, and only then are the two compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.demand.first_stage import conditional_f
from pricelm.decisions.demand.regression import Fit, two_stage

Nuisance = Literal["linear", "boosting"]
_PENALTIES = tuple(10.0**power for power in range(-3, 4))
_FEWEST_GROUPS = 2
# more rows than these change what boosting explains by less than its own noise, and cost minutes
_ROWS_TO_LEARN_FROM = 12_000


@dataclass(frozen=True)
class CrossFitting:
    """How the explaining models are fitted.

    Parameters
    ----------
    nuisance : {"boosting", "linear"}, default "boosting"
        Gradient boosting, or ridge for a few hundred rows.
    n_folds : int, default 5
        Parts; the rows of a group are always in the same one.
    seed : int, default 0
        Of the parts and the boosting.
    """

    nuisance: Nuisance = "boosting"
    n_folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.nuisance not in ("linear", "boosting"):
            raise ConfigError(f"expected the nuisance 'linear' or 'boosting', got {self.nuisance!r}")
        if self.n_folds < 2:
            raise ConfigError(f"expected at least 2 folds, got {self.n_folds}")


@dataclass(frozen=True)
class Residuals:
    """What the controls leave unexplained, out of fold.

    Parameters
    ----------
    outcome : numpy.ndarray
        Shape (n,).
    treatments : numpy.ndarray
        Shape (n, k).
    instruments : numpy.ndarray or None
        Shape (n, m).
    """

    outcome: np.ndarray
    treatments: np.ndarray
    instruments: np.ndarray | None = None


def residuals(
    outcome: np.ndarray,
    treatments: np.ndarray,
    controls: np.ndarray,
    groups: np.ndarray,
    *,
    instruments: np.ndarray | None = None,
    config: CrossFitting = CrossFitting(),
) -> Residuals:
    """Predict outcome, treatments and instruments from the controls, out of fold, and subtract.

    Parameters
    ----------
    outcome : numpy.ndarray
        For example log units, shape (n,).
    treatments : numpy.ndarray
        For example log price, shape (n, k).
    controls : numpy.ndarray
        What moves both, shape (n, c).
    groups : numpy.ndarray
        Rows that may not be apart, such as a week, shape (n,).
    instruments : numpy.ndarray, optional
        Shape (n, m).
    config : CrossFitting
        How the models are fitted.

    Returns
    -------
    Residuals
        Shapes as the inputs.

    Raises
    ------
    DataError
        If there are fewer than two groups.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1
    if n_groups < _FEWEST_GROUPS:
        raise DataError("expected at least 2 groups of rows to cross-fit on, got 1. Group by a finer unit")
    n_folds = min(config.n_folds, n_groups)
    rng = np.random.default_rng(config.seed)
    fold = rng.permutation(n_groups)[codes] % n_folds
    parts = [(fold == number, _some(np.flatnonzero(fold != number), rng)) for number in range(n_folds)]

    def left(target: np.ndarray) -> np.ndarray:
        rest = np.empty(len(target))
        for held, learn in parts:
            model = _learner(config).fit(controls[learn], target[learn])
            rest[held] = target[held] - model.predict(controls[held])
        return rest

    return Residuals(
        left(outcome),
        _each(treatments, left),
        None if instruments is None else _each(instruments, left),
    )


def partially_linear(rest: Residuals, clusters: np.ndarray, *, weights: np.ndarray | None = None) -> Fit:
    """Regress residual on residual, through the instruments where there are some.

    Parameters
    ----------
    rest : Residuals
        Out-of-fold residuals.
    clusters : numpy.ndarray
        Cluster numbers, shape (n,).
    weights : numpy.ndarray, optional
        Shape (n,).

    Returns
    -------
    Fit
        One coefficient a treatment; with instruments, ``first_stage_f``: :func:`.first_stage.conditional_f`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> season = rng.normal(size=(2000, 1))
    >>> price = season[:, 0] + rng.normal(size=2000)
    >>> units = -2 * price + 3 * season[:, 0] + rng.normal(size=2000)
    >>> rest = residuals(units, price[:, None], season, np.arange(2000), config=CrossFitting("linear"))
    >>> bool(abs(partially_linear(rest, np.arange(2000)).coefficients[0] + 2) < 0.1)
    True
    """
    if rest.instruments is None:
        return two_stage(rest.outcome, rest.treatments, rest.treatments, clusters=clusters, weights=weights)
    fit = two_stage(rest.outcome, rest.treatments, rest.instruments, clusters=clusters, weights=weights)
    strength = conditional_f(rest.treatments, rest.instruments, clusters)
    return Fit(fit.coefficients, fit.covariance, fit.scores, fit.n_rows, fit.n_clusters, strength)


def response_model(
    rest: Residuals, traits: np.ndarray, config: CrossFitting = CrossFitting()
) -> Callable[[np.ndarray], np.ndarray]:
    """Fit the R-learner on all rows and return it as a function of traits, (n, c) to (n,).

    Parameters
    ----------
    rest : Residuals
        Out-of-fold residuals.
    traits : numpy.ndarray
        Shape (n, c).
    config : CrossFitting
        How the model is fitted.
    """
    treatment = rest.treatments[:, 0]
    floor = 0.05 * float(np.std(treatment)) + 1e-12
    safe = np.where(np.abs(treatment) < floor, np.where(treatment < 0, -floor, floor), treatment)
    learner = _learner(config)
    weights = safe**2
    if config.nuisance == "linear":
        learner.fit(traits, rest.outcome / safe, ridgecv__sample_weight=weights)
    else:
        learner.fit(traits, rest.outcome / safe, sample_weight=weights)
    return lambda new: np.asarray(learner.predict(new), dtype=np.float64)


def _some(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if len(rows) <= _ROWS_TO_LEARN_FROM:
        return rows
    return np.sort(rng.choice(rows, _ROWS_TO_LEARN_FROM, replace=False))


def _each(columns: np.ndarray, left: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.column_stack([left(columns[:, number]) for number in range(columns.shape[1])])


def _learner(config: CrossFitting) -> Any:
    if config.nuisance == "linear":
        return make_pipeline(StandardScaler(), RidgeCV(_PENALTIES))
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        n_estimators=120,
        learning_rate=0.05,
        num_leaves=15,
        min_child_samples=20,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.9,
        random_state=config.seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
