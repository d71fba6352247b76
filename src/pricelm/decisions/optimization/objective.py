"""What is to be earned: margin, revenue, units, or a mix; and how much risk it may take."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.knowledge.settings import nearest

MEASURES = ("margin", "revenue", "units")
RISKS = ("mean", "quantile", "cvar")
_MOST_CELLS = 4_000_000


@dataclass(frozen=True)
class Objective:
    """Weights of what is earned a period.

    Parameters
    ----------
    margin, revenue, units : float
        Weight of a unit of each, 0 or more; not all zero. Margin and revenue are in currency.

    Examples
    --------
    >>> Objective.parse("margin=0.8,revenue=0.2").needs_cost
    True
    """

    margin: float = 1.0
    revenue: float = 0.0
    units: float = 0.0

    def __post_init__(self) -> None:
        weights = np.array(list(asdict(self).values()))
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise ConfigError(f"expected weights of 0 or more, not all zero, got {asdict(self)}")

    @property
    def needs_cost(self) -> bool:
        """Whether unit costs are needed."""
        return self.margin > 0

    @property
    def text(self) -> str:
        """The objective as people read it."""
        parts = {name: weight for name, weight in asdict(self).items() if weight}
        if len(parts) == 1:
            return next(iter(parts))
        return ", ".join(f"{weight:g} x {name}" for name, weight in parts.items())

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read ``"margin"``, ``"revenue"``, ``"units"`` or weights such as ``"margin=0.8,revenue=0.2"``.

        Raises
        ------
        ConfigError
            If a name or weight is not one.
        """
        weights = dict.fromkeys(MEASURES, 0.0)
        for part in text.split(","):
            name, sign, weight = (piece.strip() for piece in part.partition("="))
            if name not in MEASURES:
                raise ConfigError(
                    f"expected an objective of {', '.join(MEASURES)}, got {name[:80]!r}"
                    f"{nearest(name, MEASURES)}"
                )
            try:
                weights[name] = float(weight) if sign else 1.0
            except ValueError as error:
                raise ConfigError(f"expected a weight such as margin=0.8, got {part[:80]!r}") from error
        return cls(**weights)

    def value(self, prices: np.ndarray, units: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """Return what prices earn; prices and units broadcast, costs have shape (n, 1).

        Parameters
        ----------
        prices, units : numpy.ndarray
            Shape (n, m), units also (draws, n, m).
        costs : numpy.ndarray
            Unit costs, shape (n, 1).
        """
        each = (self.margin + self.revenue) * prices + self.units
        if self.margin:
            each = each - self.margin * costs
        return each * units


@dataclass(frozen=True)
class Risk:
    """How a price is judged that may earn more or less, depending on the demand that turns out to be true.

    Parameters
    ----------
    measure : {"cvar", "quantile", "mean"}
        ``mean`` takes expected units; ``quantile`` the lower quantile at ``level``; ``cvar`` the mean of what
        lies below that quantile. Each product is judged by itself: the sum of their bad cases is worse than
        the bad case of the sum, so the outcome is on the careful side.
    level : float, default 0.05
        Share of bad cases.
    confidence : float, default 0.95
        Probability, over the draws, with which a new price has to earn more than the current one; where no
        price does, the current one is held. 0 asks for nothing.
    n_draws : int, default 200
        Demand curves drawn.
    """

    measure: str = "cvar"
    level: float = 0.05
    confidence: float = 0.95
    n_draws: int = 200

    def __post_init__(self) -> None:
        if self.measure not in RISKS:
            raise ConfigError(
                f"expected a risk measure of {', '.join(RISKS)}, got {self.measure!r}"
                f"{nearest(self.measure, RISKS)}"
            )
        if not 0 < self.level < 1 or not 0 <= self.confidence < 1 or not 2 <= self.n_draws <= 10_000:
            raise ConfigError(
                "expected level between 0 and 1, confidence from 0 to below 1 and 2 to 10,000 draws, "
                f"got {self}"
            )

    @property
    def needs_draws(self) -> bool:
        """Whether drawn demand curves are needed."""
        return self.measure != "mean" or self.confidence > 0

    def summarize(self, earned: np.ndarray) -> np.ndarray:
        """Return one number a price from what it earns in each draw, shape (draws, n, m) to (n, m).

        Examples
        --------
        >>> Risk("cvar", level=0.5).summarize(np.array([[[1.0]], [[3.0]], [[5.0]], [[7.0]]])).item()
        2.0
        """
        if self.measure == "mean":
            return np.asarray(earned.mean(axis=0))
        if self.measure == "quantile":
            return np.asarray(np.quantile(earned, self.level, axis=0))
        worst = max(1, int(np.ceil(self.level * len(earned))))
        return np.asarray(np.partition(earned, worst - 1, axis=0)[:worst].mean(axis=0))


def rows_at_once(n_draws: int, m: int) -> int:
    """Return how many products fit into memory with their draws."""
    return max(1, _MOST_CELLS // max(n_draws * m, 1))
