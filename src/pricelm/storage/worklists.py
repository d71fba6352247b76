"""Reading whole plans at once, as values rather than objects: ten thousand recommendations a click."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from pricelm.storage.base import chunked
from pricelm.storage.batches import RecommendationRow
from pricelm.storage.market import Listing


class RecommendationValues(NamedTuple):
    """A recommendation without anything around it."""

    recommendation: int
    sku: str
    action: str
    current_price: Decimal
    proposed_price: Decimal
    price_low: Decimal
    price_high: Decimal
    units: float | None
    margin: float | None
    gain: float | None
    currency: str
    verdicts: Any
    rationale: str
    state: str
    decided_price: Decimal | None
    edited_by: str


class DecidedValues(NamedTuple):
    """Where a recommendation stands that is not open as it was proposed."""

    recommendation: int
    state: str
    decided_price: Decimal | None
    edited_by: str


def decided_values(session: Session, batch: int) -> list[DecidedValues]:
    """Return where those recommendations of a plan stand that are not open as they were proposed."""
    row = RecommendationRow
    columns = [getattr(row, name) for name in DecidedValues._fields]
    touched = or_(row.state != "open", row.decided_price.is_not(None))
    return [
        DecidedValues(*one) for one in session.execute(select(*columns).where(row.batch == batch, touched))
    ]


def recommendation_values(session: Session, batch: int) -> list[RecommendationValues]:
    """Return the recommendations of a plan, the most profitable first."""
    row = RecommendationRow
    columns = [getattr(row, name) for name in RecommendationValues._fields]
    query = select(*columns).where(row.batch == batch).order_by(row.gain.desc(), row.recommendation)
    return [RecommendationValues(*one) for one in session.execute(query)]


def standing_prices(session: Session, batch: int) -> dict[str, tuple[float, float]]:
    """Return the present price of each product of a plan, and the one that was decided or else proposed."""
    row = RecommendationRow
    price = func.coalesce(row.decided_price, row.proposed_price)
    found = session.execute(select(row.sku, row.current_price, price).where(row.batch == batch))
    return {sku: (float(now), float(then)) for sku, now, then in found}


def listing_texts(session: Session, skus: list[str]) -> dict[str, dict[str, str]]:
    """Return title, brand, category, description and condition of those products that the store knows."""
    names = ("title", "brand", "category", "description", "condition")
    columns = [getattr(Listing, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for chunk in chunked(skus):
        for sku, *texts in session.execute(select(Listing.sku, *columns).where(Listing.sku.in_(chunk))):
            found[sku] = dict(zip(names, texts, strict=True))
    return found
