"""Quoting: everything about the price of one listing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import ConfigError, ReadError
from pricelm.core.nouns import Quote
from pricelm.core.protocols import Progress, Silence
from pricelm.explanation.words import explain_words
from pricelm.models.price_model import PriceModel
from pricelm.services.predictors import open_predictor
from pricelm.serving.options import ServingOptions

# What a seller says of a new product; the rest of the roles are not read to price it.
DESCRIBING_ROLES = ("title", "brand", "category", "description", "condition")


@dataclass(frozen=True)
class QuoteRequest:
    """What `quote_listing` is asked for.

    Parameters
    ----------
    model : pathlib.Path
        Folder of the bundle.
    facts : mapping of str to object
        The listing, by role (``"title"``) or by the name of a column that the model reads.
    explain : bool, default True
        Find the words that moved the price.
    comparables : int, default 3
        How many similar known listings to show.
    image_root : pathlib.Path, optional
        Folder of its picture, by default the working directory; none outside it is read.
    """

    model: Path
    facts: Mapping[str, Any] = field(default_factory=dict)
    explain: bool = True
    comparables: int = 3
    image_root: Path | None = None


def quote_listing(request: QuoteRequest, progress: Progress = Silence()) -> Quote:
    """Price one listing.

    Parameters
    ----------
    request : QuoteRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    Quote
        Price, interval, the members' own prices, comparables and, if asked for, word effects.

    Raises
    ------
    ConfigError
        If nothing is said of the listing, or something that the model does not read.
    BundleError
        If the model cannot be loaded.
    """
    if not request.facts:
        raise ConfigError("expected something about the listing, such as a title; got nothing")
    if request.comparables < 0:
        raise ConfigError(f"expected 0 comparables or more, got {request.comparables}")
    progress.start(f"loading {request.model.name}", 0)
    model = open_predictor(request.model, ServingOptions(image_root=request.image_root)).model
    progress.start("pricing", 0)
    listing = listing_frame(request.facts, model.columns_)
    return quote_listings(model, listing, comparables=request.comparables, explain=request.explain)[0]


def quote_listings(
    model: PriceModel, listings: pd.DataFrame, *, comparables: int = 3, explain: bool = True
) -> list[Quote]:
    """Quote raw listings, with the words that moved each price if ``explain`` is set."""
    quotes = model.quote(listings, comparables=comparables)
    if not explain:
        return quotes
    effects = explain_words(model, listings, model.columns_)
    return [replace(quote, word_effects=words) for quote, words in zip(quotes, effects, strict=True)]


def listing_frame(facts: Mapping[str, Any], columns: ColumnMap) -> pd.DataFrame:
    """Put what is known of a listing into the columns that a model reads.

    Parameters
    ----------
    facts : mapping of str to object
        By role or by column name; a column's own name goes before a role.
    columns : ColumnMap
        Roles of the model's columns.

    Returns
    -------
    pandas.DataFrame
        One raw listing.

    Raises
    ------
    ConfigError
        If a key is neither, or two keys mean the same column.

    Examples
    --------
    >>> listing_frame({"title": "red mug"}, ColumnMap(title="name")).to_dict("records")
    [{'name': 'red mug'}]
    """
    read = [name for name in columns.read_columns() if name != columns.price]
    row: dict[str, Any] = {}
    for key, value in facts.items():
        column = key if key in read else getattr(columns, key, None) if key in DESCRIBING_ROLES else None
        if column is None:
            raise ConfigError(_unknown_fact(key, read, columns))
        if column in row:
            raise ConfigError(f"the column {column!r} is given twice; give it once")
        row[column] = value
    return pd.DataFrame([row])


def facts_from_json(path: Path) -> dict[str, Any]:
    """Read what is known of a listing from a file with one JSON object.

    Raises
    ------
    ReadError
        If there is no such file, or it holds something else.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: expected a file with one JSON object, got: {error}") from error
    if not isinstance(facts, dict):
        kind = type(facts).__name__
        raise ReadError(f'{path}: expected one JSON object such as {{"title": "..."}}, got a {kind}')
    return facts


def _unknown_fact(key: str, read: list[str], columns: ColumnMap) -> str:
    roles = [role for role in DESCRIBING_ROLES if getattr(columns, role)]
    close = get_close_matches(key, [*read, *roles], n=2)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it reads {', '.join(read)}"
    return f"the model reads no {key!r}; {hint}"
