"""What the model says of a text: the price with its interval, the words that moved it, similar listings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from nicegui import ui

from pricelm.core.errors import PricelmError
from pricelm.core.nouns import Quote, WordEffect
from pricelm.services.live_pricing import QuoteOptions
from pricelm.web.console.charts import effects_chart
from pricelm.web.console.formats import amount
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.visitor import Visitor

MOST_WORDS = 8
_COMPARABLES = 5


def text_price(visitor: Visitor, listing: Mapping[str, str]) -> None:
    """Build a section with the price of a product by its text, if there is a text and a model.

    The page does not wait for the model: what it says comes a moment later.
    """
    words, parts = visitor.words, visitor.parts
    known = readable(visitor, listing) if parts.models.is_ready else {}
    if not known:
        return
    with ui.element("section").classes("panel"):
        heading(words("product.text"), 2)
        paragraph(words("product.text.text")).classes("soft")
        with ui.element("div").classes("full").props('aria-busy="true"') as place:
            paragraph(words("loading")).classes("soft")

        async def fill() -> None:
            try:
                quote, effects = await ask(visitor, known)
                show = partial(show_quote, visitor, quote, effects)
            except PricelmError as error:
                show = partial(_say, str(error))
            place.clear()
            place.props(remove="aria-busy")
            with place:
                show()

        ui.timer(0.05, fill, once=True)


def _say(text: str) -> None:
    paragraph(text).classes("soft")


def readable(visitor: Visitor, listing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the active model reads of a listing, under the names that it was trained with."""
    columns = visitor.parts.models.cast.active.columns
    found = {}
    for role in ("title", "description", "brand", "category", "condition"):
        name = getattr(columns, role, None)
        if name and str(listing.get(role) or "").strip():
            found[name] = str(listing[role]).strip()
    return found


async def ask(visitor: Visitor, listing: Mapping[str, Any]) -> tuple[Quote, tuple[WordEffect, ...]]:
    """Return the quote of a listing and the words that moved it."""
    pricing = visitor.parts.pricing
    [(quote, _)] = await pricing.quotes([listing], QuoteOptions(comparables=_COMPARABLES))
    if math.isnan(quote.estimate.predicted_price):
        return quote, ()
    [(_, effects, _)] = await pricing.explanations([listing], MOST_WORDS)
    return quote, effects


def show_quote(visitor: Visitor, quote: Quote, effects: tuple[WordEffect, ...]) -> None:
    """Build what a quote says."""
    words, estimate = visitor.words, quote.estimate
    if math.isnan(estimate.predicted_price):
        paragraph(estimate.reason or words("quote.nothing")).classes("soft")
        return
    ends = estimate.interval
    with ui.element("div").classes("price").props('aria-live="polite"'):
        ui.label(amount(estimate.predicted_price, estimate.currency, words)).classes("large")
        interval = words(
            "quote.interval",
            level=f"{ends.confidence_level:.0%}",
            lower=amount(ends.lower, estimate.currency, words),
            upper=amount(ends.upper, estimate.currency, words),
        )
        ui.label(interval).classes("soft")
        if estimate.abstained:
            ui.label(words("quote.abstained", reason=estimate.reason)).classes("warn")
    if effects:
        heading(words("quote.words"), 3)
        shown = [(effect.word, effect.effect) for effect in effects]
        ui.echart(effects_chart(shown, words)).classes("chart short").props(
            f'role="img" aria-label="{words("quote.words")}"'
        )
    if quote.comparables:
        heading(words("quote.comparables"), 3)
        rows = [
            [one.title, amount(one.price, estimate.currency, words), f"{one.similarity:.2f}"]
            for one in quote.comparables
        ]
        head = [words("column.title"), words("column.price_at"), words("quote.similarity")]
        table(head, rows, words("quote.comparables"), numbers=(1, 2))
