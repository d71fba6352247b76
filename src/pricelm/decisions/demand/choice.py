"""Which brand a household takes: multinomial logit with loyalty (Guadagni and Little, 1983).

Beside price, display and feature, a brand is judged by what the household bought before: its loyalty, its
share of past purchases (steadied by the brand's share in the market), the last purchase, and the price
against what the household has seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize

from pricelm.core.errors import ConfigError, DataError

_MOST_STEPS = 500
_SEEN_MEMORY = 0.6
_LOWEST_PRICE_SHARE = 0.05
HISTORIES = ("loyalty", "share", "recent share", "last", "price seen", "paid")


@dataclass(frozen=True)
class ChoicePanel:
    """Purchases of households, in the order in which each household made them.

    Parameters
    ----------
    chosen : numpy.ndarray
        Number of the brand taken, shape (n,).
    household : numpy.ndarray
        Who bought, shape (n,).
    prices : numpy.ndarray
        Positive price of every brand at that moment, shape (n, n_brands).
    promotions : numpy.ndarray
        Display, feature and the like, shape (n, n_brands, n_kinds); n_kinds may be 0.
    brands : tuple of str
        Names of the brands.

    Raises
    ------
    DataError
        If shapes do not fit, or a choice or price is impossible.
    """

    chosen: np.ndarray
    household: np.ndarray
    prices: np.ndarray
    promotions: np.ndarray
    brands: tuple[str, ...]

    def __post_init__(self) -> None:
        n, brands = len(self.chosen), len(self.brands)
        if self.prices.shape != (n, brands) or self.promotions.shape[:2] != (n, brands) or not n:
            raise DataError(
                f"expected prices of shape {(n, brands)} and promotions of shape {(n, brands, 'kinds')}, got "
                f"{self.prices.shape} and {self.promotions.shape}"
            )
        if brands < 2 or self.chosen.min() < 0 or self.chosen.max() >= brands:
            raise DataError(f"expected choices among at least 2 brands, numbered from 0, got {brands} brands")
        if not np.isfinite(self.prices).all() or (self.prices < 0).any():
            raise DataError("expected prices that are finite and not negative. Drop the other rows")

    def take(self, rows: np.ndarray) -> ChoicePanel:
        """Return some of the rows; whole households, so that nobody's past is cut."""
        return ChoicePanel(
            self.chosen[rows], self.household[rows], self.prices[rows], self.promotions[rows], self.brands
        )


@dataclass(frozen=True)
class ChoiceModel:
    """A fitted multinomial logit.

    Parameters
    ----------
    brands : tuple of str
        In the order of the columns of predictions.
    weights : tuple of float
        One a feature.
    shares : tuple of float
        Share of each brand in the market that was learned from.
    price_scale : float
        Mean price there.
    histories : tuple of str
        What of a household's past is used.
    memory : float
        How much of the loyalty stays from one purchase to the next.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> prices = rng.uniform(1, 3, (600, 2))
    >>> takes_second = rng.random(600) < 1 / (1 + np.exp(-3 * (prices[:, 0] - prices[:, 1])))
    >>> none = np.empty((600, 2, 0))
    >>> panel = ChoicePanel(takes_second.astype(int), np.arange(600), prices, none, ("a", "b"))
    >>> model = ChoiceModel.fit(panel, histories=())
    >>> model.log_loss(panel) < 0.5
    True
    """

    brands: tuple[str, ...]
    weights: tuple[float, ...]
    shares: tuple[float, ...]
    price_scale: float
    histories: tuple[str, ...] = HISTORIES
    memory: float = 0.8
    steps: int = field(default=0, compare=False)

    @classmethod
    def fit(
        cls,
        panel: ChoicePanel,
        *,
        histories: Sequence[str] = HISTORIES,
        memory: float = 0.8,
        penalty: float = 1.0,
    ) -> ChoiceModel:
        """Fit by penalized maximum likelihood.

        Parameters
        ----------
        panel : ChoicePanel
            Purchases to learn from.
        histories : sequence of str
            What of a household's past to use; ``("loyalty",)`` is the plain model of Guadagni and Little.
        memory : float, default 0.8
            Between 0 and 1.
        penalty : float, default 1.0
            Weight of the squared coefficients.

        Raises
        ------
        ConfigError
            If a history is not known or the memory is not between 0 and 1.
        """
        unknown = sorted(set(histories) - set(HISTORIES))
        if unknown or not 0 < memory < 1:
            raise ConfigError(
                f"expected histories among {', '.join(HISTORIES)} and a memory between 0 and 1, got "
                f"{unknown or memory}"
            )
        counts = np.bincount(panel.chosen, minlength=len(panel.brands))
        shares = (counts + 0.5) / (counts + 0.5).sum()
        scale = float(panel.prices.mean())
        model = cls(panel.brands, (), tuple(map(float, shares)), scale, tuple(histories), memory)
        features = model._features(panel)

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            logs, chances = _chances(features @ weights)
            at = np.arange(len(panel.chosen))
            slope = np.einsum("ijk,ij->k", features, chances) - features[at, panel.chosen].sum(axis=0)
            value = -logs[at, panel.chosen].sum() + penalty / 2 * float(weights @ weights)
            return float(value), slope + penalty * weights

        start = np.zeros(features.shape[2])
        done = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _MOST_STEPS})
        weights = tuple(map(float, done.x))
        return cls(panel.brands, weights, model.shares, scale, model.histories, memory, int(done.nit))

    def probabilities(self, panel: ChoicePanel) -> np.ndarray:
        """Return the chance of every brand at every purchase, shape (n, n_brands)."""
        return _chances(self._features(panel) @ np.array(self.weights))[1]

    def log_loss(self, panel: ChoicePanel) -> float:
        """Return the mean negative log chance of what was taken."""
        logs = _chances(self._features(panel) @ np.array(self.weights))[0]
        return float(-logs[np.arange(len(panel.chosen)), panel.chosen].mean())

    def elasticities(self, panel: ChoicePanel, step: float = 0.01) -> np.ndarray:
        """Return elasticities of shares, shape (n_brands, n_brands): the row reacts to the column's price."""
        before = self.probabilities(panel).mean(axis=0)
        columns = []
        for brand in range(len(self.brands)):
            prices = panel.prices.copy()
            prices[:, brand] *= 1 + step
            # what households have seen and paid stays: only the price of the moment moves
            moved = ChoicePanel(panel.chosen, panel.household, prices, panel.promotions, panel.brands)
            after = _chances(self._features(moved, past=panel) @ np.array(self.weights))[1].mean(axis=0)
            columns.append(np.log(after / before) / np.log1p(step))
        return np.column_stack(columns)

    def save(self, path: str | Path) -> None:
        """Write the model as JSON."""
        Path(path).write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> ChoiceModel:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing or holds something else.
        """
        try:
            stored: Mapping[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
            lists = {name: tuple(value) for name, value in stored.items() if isinstance(value, list)}
            return cls(**{**stored, **lists})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}: expected a choice model in JSON, but it cannot be read ({error})"
            ) from error

    def _features(self, panel: ChoicePanel, past: ChoicePanel | None = None) -> np.ndarray:
        """Return the features of every brand at every purchase, shape (n, n_brands, n_features)."""
        if panel.brands != self.brands:
            raise DataError(f"expected the brands {self.brands}, got {panel.brands}")
        n, brands = panel.prices.shape
        intercepts = np.broadcast_to(np.eye(brands)[:, 1:], (n, brands, brands - 1))
        prices = np.maximum(panel.prices / self.price_scale, _LOWEST_PRICE_SHARE)
        columns = [prices, np.log(prices)] if set(self.histories) - {"loyalty"} else [prices]
        if self.histories:
            columns += _histories(self, past or panel, np.log(prices))
        stacked = [intercepts, panel.promotions, *(column[:, :, None] for column in columns)]
        return np.concatenate(stacked, axis=2)


def _chances(utility: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    top = utility - utility.max(axis=1, keepdims=True)
    logs = top - np.log(np.exp(top).sum(axis=1, keepdims=True))
    return logs, np.exp(logs)


def _histories(model: ChoiceModel, panel: ChoicePanel, log_prices: np.ndarray) -> list[np.ndarray]:
    """Walk through the purchases once and note what each household's past was before each."""
    n, brands = panel.prices.shape
    shares = np.array(model.shares)
    own_logs = np.log(np.maximum(panel.prices / model.price_scale, _LOWEST_PRICE_SHARE))
    made = {name: np.zeros((n, brands)) for name in HISTORIES}
    known: dict[Any, dict[str, Any]] = {}
    for row, (who, what) in enumerate(zip(panel.household.tolist(), panel.chosen.tolist(), strict=True)):
        past = known.get(who)
        if past is None:
            past = {
                "loyalty": np.full(brands, 1 / brands),
                "count": np.zeros(brands),
                "recent": np.zeros(brands),
                "last": np.zeros(brands),
                "seen": own_logs[row].copy(),
                "paid": 0.0,
            }
            known[who] = past
        made["loyalty"][row] = past["loyalty"]
        made["share"][row] = np.log((past["count"] + shares) / (past["count"].sum() + 1))
        made["recent share"][row] = np.log((past["recent"] + shares) / (past["recent"].sum() + 1))
        made["last"][row] = past["last"]
        made["price seen"][row] = log_prices[row] - past["seen"]
        relative = log_prices[row] - log_prices[row].mean()
        made["paid"][row] = relative * past["paid"] / (past["count"].sum() + 2)
        taken = np.zeros(brands)
        taken[what] = 1.0
        past["loyalty"] = model.memory * past["loyalty"] + (1 - model.memory) * taken
        past["count"] = past["count"] + taken
        past["recent"] = 0.7 * past["recent"] + taken
        past["last"] = taken
        past["seen"] = _SEEN_MEMORY * past["seen"] + (1 - _SEEN_MEMORY) * own_logs[row]
        past["paid"] += float(own_logs[row, what] - own_logs[row].mean())
    return [made[name] for name in model.histories]
