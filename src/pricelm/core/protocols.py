"""Protocols: what one room may expect of another without importing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@runtime_checkable
class PricePredictor(Protocol):
    """Anything that prices listings.

    Examples
    --------
    >>> class FlatPrice:
    ...     def predict(self, X):
    ...         return [9.99] * len(X)
    ...     def predict_interval(self, X, confidence_level=None):
    ...         return [(5.0, 15.0)] * len(X)
    >>> isinstance(FlatPrice(), PricePredictor)
    True
    """

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return predicted prices, shape (n_listings,)."""
        ...

    def predict_interval(self, X: pd.DataFrame, confidence_level: float | None = None) -> np.ndarray:
        """Return lower and upper ends, shape (n_listings, 2)."""
        ...


@runtime_checkable
class DemandCurve(Protocol):
    """Expected units sold as a function of price."""

    def units(self, prices: np.ndarray) -> np.ndarray:
        """Return expected units per period at each price, shape of ``prices``."""
        ...


@runtime_checkable
class UncertainDemand(DemandCurve, Protocol):
    """A demand curve that also tells how sure it is."""

    def draws(self, prices: np.ndarray, n_draws: int = 200, seed: int = 0) -> np.ndarray:
        """Return expected units under demand curves that the data allows, shape (n_draws, *prices.shape)."""
        ...


@runtime_checkable
class TextScorer(Protocol):
    """Anything that gives texts a number, such as a sentiment or a price."""

    def score(self, texts: list[str]) -> np.ndarray:
        """Return one number a text, shape (n_texts,)."""
        ...


@runtime_checkable
class TextGenerator(Protocol):
    """Anything that continues a text."""

    def generate(self, prompt: str, **options: Any) -> str:
        """Return the continuation of ``prompt``."""
        ...


class Progress(Protocol):
    """Receives what long work reports; every entry point supplies its own display."""

    def start(self, task: str, total: int) -> None:
        """Begin ``task`` with ``total`` steps."""
        ...

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Report ``steps`` more steps done."""
        ...

    def say(self, message: str) -> None:
        """Report one line of what is happening."""
        ...


class Silence:
    """The progress display that shows nothing; the default of the library."""

    def start(self, task: str, total: int) -> None:
        """Ignore the start of a task."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Ignore the steps."""

    def say(self, message: str) -> None:
        """Ignore the message."""
