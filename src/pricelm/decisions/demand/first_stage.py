"""How strong instruments are: the F of the first stage, for one price and for several treatments at once."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from pricelm.decisions.demand.regression import least_squares, two_stage


def first_stage_f(
    price: np.ndarray, controls: np.ndarray, instruments: np.ndarray, clusters: np.ndarray | None = None
) -> float:
    """Return the robust F statistic of the excluded instruments in the first stage.

    With one instrument it is the effective F of Montiel Olea and Pflueger; below 10 the instrument is weak,
    and below 104.7 a 5 % t-test after it is not exactly 5 % (Lee and others, 2022).

    Parameters
    ----------
    price : numpy.ndarray
        Endogenous column, shape (n,).
    controls : numpy.ndarray
        Exogenous columns, shape (n, c); c may be 0.
    instruments : numpy.ndarray
        Excluded instruments, shape (n, m).
    clusters : numpy.ndarray, optional
        Cluster numbers, shape (n,).

    Returns
    -------
    float
        Wald statistic divided by m; 0 when the instruments do not vary.
    """
    fit = least_squares(price, np.column_stack([instruments, controls]), clusters=clusters)
    count = instruments.shape[1]
    beta, covariance = fit.coefficients[:count], fit.covariance[:count, :count]
    there = np.isfinite(beta)
    if not there.any():
        return 0.0
    inverse = linalg.pinvh(covariance[np.ix_(there, there)])
    return float(beta[there] @ inverse @ beta[there] / there.sum())


def conditional_f(
    treatments: np.ndarray, instruments: np.ndarray, clusters: np.ndarray | None = None
) -> float:
    """Return the F of the instruments for the first treatment, given that they must explain the others too.

    The plain first stage is strong as soon as any instrument moves the price. Instruments that move together
    cannot tell two treatments apart however large it is; this F is then near 0 (Sanderson and Windmeijer,
    2016).

    Parameters
    ----------
    treatments : numpy.ndarray
        Endogenous columns, demeaned, shape (n, k).
    instruments : numpy.ndarray
        Excluded instruments, demeaned, shape (n, m), m >= k.
    clusters : numpy.ndarray, optional
        Cluster numbers, shape (n,).

    Returns
    -------
    float
        Robust Wald statistic divided by m - k + 1; the plain F with one treatment.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> cost = rng.normal(size=(500, 1))
    >>> prices = cost + rng.normal(size=(500, 2))
    >>> bool(conditional_f(prices[:, :1], cost, None) > 100), bool(conditional_f(prices, cost @ [[1, 2]]) < 5)
    (True, True)
    """
    price, others = treatments[:, 0], treatments[:, 1:]
    none = np.empty((len(price), 0))
    if not others.shape[1]:
        return first_stage_f(price, none, instruments, clusters)
    together = two_stage(price, others, instruments).coefficients
    own = price - others @ np.nan_to_num(together)
    count = instruments.shape[1]
    return first_stage_f(own, none, instruments, clusters) * count / (count - others.shape[1])
