"""Parity: whether an exported graph says what the model says, and the refusal if it does not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pricelm.core.errors import BundleError

# In log price: a price of 100 moves by at most a cent.
LARGEST_FP32_DIFFERENCE = 1e-4
LARGEST_INT8_ERROR_RATIO = 1.01
# Without known prices: the error of a language model is hardly ever below 0.36 in log price, and a change of
# 0.05 that has nothing to do with it then adds less than 1 %.
LARGEST_INT8_CHANGE = 0.05
_FEWEST_LABELED = 50


@dataclass(frozen=True)
class Parity:
    """How far a graph is from the model.

    Parameters
    ----------
    precision : str
        Of the graph.
    texts : int
        Texts that both were asked about.
    largest_difference, mean_square_root : float
        Of the differences in log price: the largest, and the root of their mean square.
    error_ratio : float or None
        Root mean square error in log price of the graph over that of the model; None where too few prices
        are known.
    """

    precision: str
    texts: int
    largest_difference: float
    mean_square_root: float
    error_ratio: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values."""
        return asdict(self)


def measure_parity(
    precision: str, expected: np.ndarray, got: np.ndarray, log_prices: np.ndarray | None = None
) -> Parity:
    """Compare log prices.

    Parameters
    ----------
    precision : str
        Of the graph.
    expected, got : ndarray, shape (n_texts,)
        Log prices of the model and of the graph.
    log_prices : ndarray, shape (n_texts,), optional
        Known log prices, NaN where unknown; the error is compared where 50 or more are known.

    Returns
    -------
    Parity
        The figures; a graph that says something that is no number is infinitely far.

    Examples
    --------
    >>> measure_parity("fp32", np.array([1.0, 2.0]), np.array([1.0, 2.5])).largest_difference
    0.5
    """
    difference = np.where(np.isfinite(got), np.abs(got - expected), np.inf)
    root = float(np.sqrt(np.mean(np.square(difference))))
    ratio = None
    if log_prices is not None:
        known = np.isfinite(log_prices)
        errors = [_root_mean_square(values[known] - log_prices[known]) for values in (got, expected)]
        if known.sum() >= _FEWEST_LABELED and errors[1] > 0:
            ratio = errors[0] / errors[1]
    return Parity(precision, len(expected), float(difference.max()), root, ratio)


def check_parity(parity: Parity) -> None:
    """Raise BundleError if a graph is too far from the model to be served in its place.

    Examples
    --------
    >>> check_parity(Parity("fp32", 100, largest_difference=1e-6, mean_square_root=1e-7))
    """
    if parity.precision == "fp32":
        if not parity.largest_difference <= LARGEST_FP32_DIFFERENCE:
            raise BundleError(
                f"expected the exported graph within {LARGEST_FP32_DIFFERENCE:g} of torch in log price, got "
                f"{parity.largest_difference:.3g} over {parity.texts} texts: nothing was exported; serve "
                "this model with torch, and report the backbone"
            )
    elif parity.error_ratio is not None:
        if not parity.error_ratio <= LARGEST_INT8_ERROR_RATIO:
            raise BundleError(
                f"expected 8-bit weights to raise the error by at most {LARGEST_INT8_ERROR_RATIO - 1:.0%}, "
                f"got {parity.error_ratio - 1:+.1%} over {parity.texts} texts: nothing was exported; export "
                "without --int8"
            )
    elif not parity.mean_square_root <= LARGEST_INT8_CHANGE:
        raise BundleError(
            f"expected 8-bit weights to change log prices by at most {LARGEST_INT8_CHANGE:g} (root mean "
            f"square), got {parity.mean_square_root:.3g} over {parity.texts} texts: nothing was exported; "
            "export without --int8, or give --listings with known prices, where the error itself is compared"
        )


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0
