"""One order before demand is known: the newsvendor, and the base stock that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import DataError
from pricelm.decisions.inventory.distributions import UncertainUnits


@dataclass(frozen=True)
class StockLevel:
    """How much to have.

    Parameters
    ----------
    level : float
        Units in stock and on order after ordering.
    cost : float
        Expected cost of holding and of shortage in the span that was asked for, in currency.
    service : float
        Probability that the level suffices that the costs ask for.
    """

    level: float
    cost: float
    service: float


def newsvendor(units: UncertainUnits, holding: float, shortage: float) -> StockLevel:
    """Return the stock that balances leftovers with shortage.

    For a base stock, give the units of lead time and review period together
    (:func:`pricelm.decisions.inventory.protected_units`).

    Parameters
    ----------
    units : UncertainUnits
        What may be asked for until the stock can be filled again.
    holding : float
        Cost of a unit left over, in currency.
    shortage : float
        Cost of a unit missing, in currency: at least its lost margin.

    Returns
    -------
    StockLevel
        The level with the least expected cost.

    Raises
    ------
    DataError
        If a cost is not a number above zero.

    Examples
    --------
    >>> from pricelm.decisions.inventory import NormalUnits
    >>> best = newsvendor(NormalUnits(50, 8), holding=0.18, shortage=0.70)
    >>> round(best.level, 4), round(best.cost, 5)
    (56.604, 1.99761)

    References
    ----------
    Snyder and Shen, Fundamentals of Supply Chain Theory, 2nd edition, section 4.3.
    """
    check_costs(holding=holding, shortage=shortage)
    service = shortage / (shortage + holding)
    level = max(units.quantile(service), 0.0)
    return StockLevel(level, stock_cost(units, level, holding, shortage), service)


def stock_cost(units: UncertainUnits, level: float, holding: float, shortage: float) -> float:
    """Return the expected cost of leftovers and shortage at a level."""
    missing = units.shortage(level)
    return holding * (level - units.mean + missing) + shortage * missing


def check_costs(**costs: float) -> None:
    """Refuse costs that are no costs.

    Raises
    ------
    DataError
        With the name of the refusal first, for example ``no shortage cost``.

    Examples
    --------
    >>> check_costs(holding=0.0)
    Traceback (most recent call last):
    ...
    pricelm.core.errors.DataError: no holding cost: expected a finite number above 0, got 0.
    """
    for name, value in costs.items():
        if not (np.isfinite(value) and value > 0):
            raise DataError(
                f"no {name.replace('_', ' ')} cost: expected a finite number above 0, got {value:g}."
            )
