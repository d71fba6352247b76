"""Price endings: 0.99 and the like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import PriceRule
from pricelm.knowledge.settings import Number, read_numbers, setting


@dataclass(frozen=True, kw_only=True)
class PriceEnding(PriceRule):
    """The price must end in one of some amounts, for example .49 or .99.

    Parameters
    ----------
    endings : tuple of float
        Amounts below ``every``.
    every : float, default 1
        How far apart prices of one ending are: with 10 and an ending of 9.99, prices are 9.99, 19.99, ...
    """

    kind = "price_ending"
    example = "endings: [0.49, 0.99]"

    endings: tuple[float, ...] = setting("amounts that a price may end in", read_numbers)
    every: float = setting("distance of two prices with one ending", Number(0.01, 1e6), default=1.0)

    def __post_init__(self) -> None:
        if max(self.endings) >= self.every:
            raise self.fail(f"endings below {self.every:g}, got {max(self.endings):g}")

    def margins(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray | None) -> np.ndarray:
        """Return minus the distance to the nearest price that ends well."""
        up, down = self.rounded(prices, up=True), self.rounded(prices, up=False)
        distance = np.minimum(up - prices, np.where(down > 0, prices - down, np.inf))
        return -np.maximum(distance, 0.0)

    def rounded(self, prices: np.ndarray, *, up: bool) -> np.ndarray:
        """Return the next price with a good ending, upwards or downwards; 0 where there is none below.

        Examples
        --------
        >>> rule = PriceEnding(id="nines", endings=(0.49, 0.99))
        >>> rule.rounded(np.array([3.2, 3.6]), up=True).tolist()
        [3.49, 3.99]
        """
        asked = np.asarray(prices, dtype=np.float64)
        step = np.ceil if up else np.floor
        # a price that ends well already must stay where it is, in spite of binary fractions
        nudge = -1e-9 if up else 1e-9
        best = np.full(asked.shape, np.inf if up else 0.0)
        for ending in self.endings:
            count = step((asked - ending) / self.every + nudge)
            at = np.round(count * self.every + ending, 6)
            if up:
                at = np.where(at <= 0, at + self.every, at)
                best = np.minimum(best, at)
            else:
                best = np.maximum(best, at)
        return best

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return no limits: endings thin out prices and bound none."""
        return np.zeros(len(facts)), np.full(len(facts), np.inf)

    def touches(self, slack: float) -> bool:
        """Return False: every price that keeps the rule stands on it, so standing there says nothing."""
        return False

    def demand_texts(self, facts: ProductFacts) -> list[str]:
        """Name the endings."""
        ends = ", ".join(f"{ending:.2f}" for ending in self.endings)
        return [f"ending in {ends}" + ("" if self.every == 1 else f" every {self.every:g}")] * len(facts)
