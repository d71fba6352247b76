"""What requests and responses look like; the OpenAPI document is made of it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from pricelm.core.nouns import PriceBand, Quote, WordEffect

MOST_LISTINGS = 1000
MOST_EXPLAINED = 20

# What a cell may hold is checked by the services, which name the row and the column.
Listing = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "fields by role (title, brand, category, description, condition, "
            "listing_id) or by the name of a column that the model reads",
            "additionalProperties": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "number"},
                    {"type": "boolean"},
                    {"type": "null"},
                ]
            },
            "examples": [{"title": "Stainless steel water bottle, 750 ml", "brand": "Thermos"}],
        }
    ),
]
Listings = Annotated[list[Listing], Field(min_length=1, max_length=MOST_LISTINGS)]
Level = Annotated[float, Field(ge=0.01, le=0.999)]
_STRICT = ConfigDict(extra="forbid", protected_namespaces=())
_EXAMPLE: dict[str, Any] = {
    "title": "Stainless steel water bottle, 750 ml",
    "brand": "Thermos",
    "category": "Sports/Outdoor",
}


class QuotesRequest(BaseModel):
    """Listings to price."""

    model_config = ConfigDict(
        **_STRICT, json_schema_extra={"examples": [{"listings": [_EXAMPLE], "comparables": 3}]}
    )

    listings: Listings
    interval: bool = Field(True, description="give the price interval")
    confidence_level: Level | None = Field(None, description="another level than the model's own")
    band: bool = Field(
        False, description="name the shop's price band, where the model knows the shop's bands"
    )
    comparables: int = Field(0, ge=0, le=20, description="similar known listings with each")
    model_version: int | None = Field(
        None,
        ge=1,
        le=2**31 - 1,
        description="a version that is active, canary or shadow; by default the service chooses",
    )


class Interval(BaseModel):
    """A range that holds the price with the stated confidence."""

    lower: float
    upper: float
    confidence_level: float


class Band(BaseModel):
    """One of the price bands that a shop sorts its goods into."""

    name: str
    lower: float
    upper: float | None = Field(description="the least price that is too much for it; null for the last band")


class KnownListing(BaseModel):
    """A listing of the training data that reads alike."""

    listing_id: str
    title: str
    price: float
    similarity: float


class QuoteAnswer(BaseModel):
    """The price of one listing; null where there is nothing to price from."""

    model_config = ConfigDict(protected_namespaces=())

    listing_id: str
    predicted_price: float | None
    currency: str
    interval: Interval | None = None
    band: Band | None = None
    abstained: bool = Field(description="whether a person should look")
    reason: str = Field(description="why; empty if it did not abstain")
    comparables: list[KnownListing] = Field(default_factory=list)
    model_version: int


class QuotesAnswer(BaseModel):
    """A quote for each listing, in the same order."""

    quotes: list[QuoteAnswer]


class ExplanationsRequest(BaseModel):
    """Listings to explain."""

    model_config = ConfigDict(
        **_STRICT, json_schema_extra={"examples": [{"listings": [_EXAMPLE], "max_words": 20}]}
    )

    listings: Annotated[list[Listing], Field(min_length=1, max_length=MOST_EXPLAINED)]
    max_words: int = Field(30, ge=1, le=100, description="most words a listing, from the start of the title")


class WordAnswer(BaseModel):
    """What one word does to the price: the price with it minus the price without it."""

    word: str
    field: str
    effect: float


class ExplanationAnswer(BaseModel):
    """A price, and the words by the size of their effect."""

    model_config = ConfigDict(protected_namespaces=())

    predicted_price: float | None
    currency: str
    words: list[WordAnswer]
    model_version: int


class ExplanationsAnswer(BaseModel):
    """An explanation for each listing, in the same order."""

    explanations: list[ExplanationAnswer]


class KnownPrice(BaseModel):
    """A listing and the price that it turned out to have."""

    model_config = ConfigDict(extra="forbid")

    listing: Listing
    price: float = Field(gt=0, le=1e12)


class OutcomesRequest(BaseModel):
    """Listings whose price became known."""

    model_config = ConfigDict(
        **_STRICT, json_schema_extra={"examples": [{"outcomes": [{"listing": _EXAMPLE, "price": 24.9}]}]}
    )

    outcomes: Annotated[list[KnownPrice], Field(min_length=1, max_length=MOST_LISTINGS)]


class OutcomesAnswer(BaseModel):
    """How many were kept, and which versions they were held against."""

    kept: int
    versions: list[int]


class TrialAnswer(BaseModel):
    """A canary or shadow against the active version, on the same outcomes."""

    outcomes: int
    error_ratio: float | None
    coverage: float | None
    coverage_of_active: float | None
    worse: str


class VersionAnswer(BaseModel):
    """One version of the registry."""

    version: int
    bundle: str
    fingerprint: str
    state: str = Field(description="registered, active, canary, shadow or retired")
    share: float = Field(description="share of the listings that it answers for")
    created: datetime
    promoted: datetime | None
    problem: str = Field("", description="why this worker could not load it")
    trial: TrialAnswer | None = None


class ChangeAnswer(BaseModel):
    """One change of the registry."""

    at: datetime
    actor: str
    action: str
    version: int
    note: str


class ModelsAnswer(BaseModel):
    """All versions, newest first, and the latest changes."""

    versions: list[VersionAnswer]
    changes: list[ChangeAnswer]


class RegisterRequest(BaseModel):
    """A bundle to register."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"bundle": "mugs-2026-03"}]})

    bundle: str = Field(min_length=1, max_length=200, description="name of a folder in the models folder")


class CanaryRequest(BaseModel):
    """How much a canary answers."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"share": 0.05}]})

    share: float = Field(gt=0, le=0.5, description="share of the listings")


class Condition(BaseModel):
    """Whether the service is up."""

    status: str
    reason: str = ""


def quote_answer(quote: Quote, version: int, *, interval: bool, band: bool) -> dict[str, Any]:
    """Write a quote for JSON, which knows no infinity and no NaN.

    Plain dictionaries: a thousand quotes need no second check of what the model just made.
    """
    estimate = quote.estimate
    price, ends = finite(estimate.predicted_price), estimate.interval
    shown = interval and price is not None and math.isfinite(ends.upper)
    return {
        "listing_id": quote.listing_id,
        "predicted_price": price,
        "currency": estimate.currency,
        "interval": (
            {"lower": ends.lower, "upper": ends.upper, "confidence_level": ends.confidence_level}
            if shown
            else None
        ),
        "band": _band(quote.band) if band else None,
        "abstained": estimate.abstained,
        "reason": estimate.reason,
        "comparables": [vars(one) for one in quote.comparables],
        "model_version": version,
    }


def _band(band: PriceBand | None) -> dict[str, Any] | None:
    if band is None:
        return None
    return {"name": band.name, "lower": band.lower, "upper": finite(band.upper)}


def explanation_answer(quote: Quote, words: tuple[WordEffect, ...], version: int) -> dict[str, Any]:
    """Write an explanation for JSON."""
    return {
        "predicted_price": finite(quote.estimate.predicted_price),
        "currency": quote.estimate.currency,
        "words": [vars(one) for one in words],
        "model_version": version,
    }


def finite(value: float) -> float | None:
    """Return a number, or None where it is infinite or missing."""
    return value if math.isfinite(value) else None
