"""The nouns of pricing: small immutable records that cross room borders."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class PriceInterval:
    """A range that holds the true price with a stated probability.

    Parameters
    ----------
    lower, upper : float
        Ends of the interval, in ``currency``; ``0 <= lower <= upper``.
    confidence_level : float
        Share of listings whose price falls inside, for example 0.9.
    currency : str
        ISO 4217 code, or ``""`` when the data names none.

    Raises
    ------
    ValueError
        If the ends are in the wrong order or the level is not between 0 and 1.

    Examples
    --------
    >>> PriceInterval(8.0, 15.0, 0.9, "USD").width
    7.0
    """

    lower: float
    upper: float
    confidence_level: float
    currency: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.upper:
            raise ValueError(f"expected 0 <= lower <= upper, got lower={self.lower}, upper={self.upper}")
        if not 0 < self.confidence_level < 1:
            raise ValueError(f"expected a confidence_level between 0 and 1, got {self.confidence_level}")

    @property
    def width(self) -> float:
        """Upper end minus lower end, in ``currency``."""
        return self.upper - self.lower


@dataclass(frozen=True)
class PriceEstimate:
    """A predicted price with its interval, or the reason why none is given.

    Parameters
    ----------
    predicted_price : float
        Median of the predicted price, in ``currency``.
    interval : PriceInterval
        Calibrated interval around it.
    currency : str
        ISO 4217 code, or ``""``.
    abstained : bool
        True when the model is less sure than allowed and a person should look.
    reason : str
        Why it abstained; empty otherwise.
    """

    predicted_price: float
    interval: PriceInterval
    currency: str = ""
    abstained: bool = False
    reason: str = ""


@dataclass(frozen=True)
class PriceBand:
    """One of the price bands that a shop sorts its goods into.

    Parameters
    ----------
    name : str
        For example ``"budget"``.
    lower, upper : float
        The least price in it, and the least that is too much for it; 0 and infinity at the ends.
    """

    name: str
    lower: float
    upper: float


@dataclass(frozen=True)
class Comparable:
    """A listing of the training data that reads like the one being priced.

    Parameters
    ----------
    listing_id : str
        Its identifier in the shop's data.
    title : str
        Its title.
    price : float
        Its known price.
    similarity : float
        Cosine similarity of the two texts, -1 to 1.
    """

    listing_id: str
    title: str
    price: float
    similarity: float


@dataclass(frozen=True)
class WordEffect:
    """What one word of a listing does to its predicted price.

    Parameters
    ----------
    word : str
        The word as written.
    field : str
        The column that it stands in, for example ``"title"``.
    effect : float
        Predicted price with the word minus predicted price without it, in currency.
    """

    word: str
    field: str
    effect: float


@dataclass(frozen=True)
class Quote:
    """Everything that is known about the price of one listing."""

    listing_id: str
    estimate: PriceEstimate
    member_prices: dict[str, float] = field(default_factory=dict)
    comparables: tuple[Comparable, ...] = ()
    word_effects: tuple[WordEffect, ...] = ()
    band: PriceBand | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the quote as plain dictionaries, lists, strings and numbers."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """What a rule says about a price.

    Parameters
    ----------
    rule_id, kind : str
        Which rule.
    satisfied : bool
        Whether the price keeps it.
    bound : bool
        Whether it holds the price: the price stands at its limit, or would be another one without it.
    slack : float
        Distance to the limit in the unit of the rule, mostly currency; negative when broken.
    message : str
        The verdict in words.
    cost : float, default 0
        What the rule costs a period in the unit of the objective, mostly currency.
    """

    rule_id: str
    kind: str
    satisfied: bool
    bound: bool
    slack: float
    message: str
    cost: float = 0.0


@dataclass(frozen=True)
class Recommendation:
    """A proposed price with everything that speaks for it and binds it.

    Parameters
    ----------
    sku : str
        The product.
    action : str
        ``"raise"``, ``"lower"``, ``"hold"``, ``"test first"`` (outside the prices that demand is known for)
        or ``"review"`` (no price keeps the rules).
    current_price, proposed_price : float
        In ``currency``.
    price_low, price_high : float
        Ends of the prices that are nearly as good and keep the rules.
    units, revenue, margin : float
        Expected a period at the proposed price; the margin is NaN where the cost is not known.
    gain : float
        Objective at the proposed price minus that at the current one, a period.
    verdicts : tuple of Verdict
        What the rules say about the proposed price.
    rationale : str
        Why this price, in a sentence.
    currency : str, default ""
        ISO 4217 code.
    """

    sku: str
    action: str
    current_price: float
    proposed_price: float
    price_low: float
    price_high: float
    units: float
    revenue: float
    margin: float
    gain: float
    verdicts: tuple[Verdict, ...] = ()
    rationale: str = ""
    currency: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the recommendation as plain dictionaries, lists, strings and numbers."""
        return asdict(self)
