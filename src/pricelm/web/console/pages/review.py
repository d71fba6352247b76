"""Review: listings that a person should look at; a price given here is kept for the next tuning."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nicegui import ui

from pricelm.core.errors import PricelmError
from pricelm.core.nouns import Quote
from pricelm.services.listing_rows import readable_columns
from pricelm.services.live_pricing import QuoteOptions
from pricelm.services.quoting import DESCRIBING_ROLES
from pricelm.services.review_queue import (
    KINDS,
    ReviewRecord,
    dismiss_item,
    label_item,
    reopen_item,
    review_counts,
    review_queue,
)
from pricelm.services.service_keys import Caller, Role
from pricelm.web.console.formats import amount, moment, whole
from pricelm.web.console.markup import definitions, written
from pricelm.web.console.reasons import review_reason
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.visitor import Visitor

AT_ONCE = 20
_COMPARABLES = 3
_SHOWN_FIELDS = 12
_ALL = "all"


async def build(visitor: Visitor) -> None:
    """Build the page."""
    heading(visitor.words("nav.review"))
    paragraph(visitor.words("review.text")).classes("soft")
    await _Queue(visitor).build()


class _Queue:
    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._kind, self._page = _ALL, 0
        self._cards: list[_Card] = []
        self._closed: ReviewRecord | None = None
        self._turn_number = 0

    async def build(self) -> None:
        with ui.element("div").classes("filters") as self._filters:
            pass
        with ui.element("div").classes("full") as self._place:
            pass
        with ui.row().classes("bar") as self._pages:
            pass
        await self.show()

    async def show(self) -> None:
        """Draw the items of this page; what the model says of them comes a moment later."""
        url, words = self._visitor.store, self._visitor.words
        self._turn_number += 1
        mine = self._turn_number
        kind = "" if self._kind == _ALL else self._kind
        counts, count = await self._counted()
        self._page = min(self._page, max(0, (count - 1) // AT_ONCE))
        waiting = await asyncio.to_thread(
            lambda: review_queue(url, "open", AT_ONCE, kind=kind, offset=self._page * AT_ONCE)
        )
        # who clicks twice sees what was asked for last
        if mine != self._turn_number:
            return
        self._choices(counts)
        self._place.clear()
        self._cards = []
        with self._place:
            if not waiting:
                nothing(words("review.none"), words("review.none.text"), "task_alt")
            for one in waiting:
                self._cards.append(_Card(self, self._visitor, one))
        self._turning(count, len(waiting))
        with self._place:
            ui.timer(0.05, self._price, once=True)

    async def _counted(self) -> tuple[dict[str, int], int]:
        """Return the open items by kind, and how many are of the chosen kind."""
        counts = await asyncio.to_thread(review_counts, self._visitor.store)
        return counts, sum(counts.values()) if self._kind == _ALL else counts.get(self._kind, 0)

    def _choices(self, counts: dict[str, int]) -> None:
        words = self._visitor.words
        self._filters.clear()
        with self._filters:
            options = {_ALL: f"{words('all')} ({whole(sum(counts.values()), words)})"}
            for kind in KINDS:
                options[kind] = f"{words(f'review.{kind}')} ({whole(counts.get(kind, 0), words)})"
            chosen = ui.select(options, value=self._kind, label=words("review.kind"))
            chosen.props("outlined dense").classes("narrow")
            chosen.on_value_change(lambda event: self._choose(str(event.value)))
            if self._closed is not None:
                undo = ui.button(words("review.undo"), icon="undo", on_click=self.undo)
                undo.props("no-caps outline data-key=u")
            ui.label(words("review.keys")).classes("soft")

    def _turning(self, count: int, shown: int) -> None:
        words = self._visitor.words
        self._pages.clear()
        first = self._page * AT_ONCE
        last = first + shown
        if count <= shown:
            return
        with self._pages:
            back = ui.button(icon="chevron_left", on_click=lambda: self._turn(-1))
            back.props(f'flat aria-label="{words("review.back")}"').set_enabled(first > 0)
            facts = {"first": first + 1, "last": last, "count": whole(count, words)}
            ui.label(words("review.shown", **facts))
            on = ui.button(icon="chevron_right", on_click=lambda: self._turn(1))
            on.props(f'flat aria-label="{words("review.on")}"').set_enabled(last < count)

    async def _choose(self, kind: str) -> None:
        if kind != self._kind:
            self._kind, self._page = kind, 0
            await self.show()

    async def _turn(self, pages: int) -> None:
        self._page += pages
        await self.show()
        ui.run_javascript("window.scrollTo(0, 0)")

    async def _price(self) -> None:
        """Ask the active model about all items of the page at once."""
        parts, cards = self._visitor.parts, list(self._cards)
        if not parts.models.is_ready or not cards:
            return
        columns = parts.models.cast.active.columns
        known = {*readable_columns(columns), *(role for role in DESCRIBING_ROLES if getattr(columns, role))}
        read = [{name: value for name, value in one.listing.items() if name in known} for one in cards]
        try:
            answers = await parts.pricing.quotes(read, QuoteOptions(comparables=_COMPARABLES))
        except PricelmError as error:
            for card in cards:
                card.say(str(error))
            return
        for card, (quote, _) in zip(cards, answers, strict=True):
            if card in self._cards:
                card.show(quote)

    async def close(self, card: _Card, work: Callable[[Caller], None]) -> None:
        """Close an item, and go on with the next."""
        if not await self._done(work):
            return
        self._closed = card.record
        place = self._cards.index(card)
        self._cards.remove(card)
        card.remove()
        counts, count = await self._counted()
        if not self._cards or len(self._cards) < min(AT_ONCE // 2, count):
            await self.show()
        else:
            self._choices(counts)
            self._turning(count, len(self._cards))
        if self._cards:
            # what was clicked is gone, and with it the place that it stood in
            with self._place:
                self._cards[min(place, len(self._cards) - 1)].focus()

    async def undo(self) -> None:
        """Open the item again that was closed last."""
        closed, url = self._closed, self._visitor.store
        if closed is None:
            return
        if await self._done(lambda caller: reopen_item(url, closed.item, caller.name)):
            self._closed = None
            await self.show()
            with self._place:
                self._cards[0].focus()

    async def _done(self, work: Callable[[Caller], None]) -> bool:
        def step(caller: Caller) -> bool:
            work(caller)
            return True

        return bool(await self._visitor.act(Role.analyst, step))


class _Card:
    """One listing with what the model says of it."""

    def __init__(self, queue: _Queue, visitor: Visitor, one: ReviewRecord) -> None:
        self._queue, self._visitor, self.record = queue, visitor, one
        self.listing = one.listing
        self._currency = str(one.listing.get("currency") or "")
        words = visitor.words
        with ui.element("section").classes("panel review") as self._section:
            heading(str(one.listing.get("title") or one.listing_id or words("review.untitled"))[:300], 2)
            kind = words.or_as_it_is(f"review.{one.kind}", one.kind)
            why = review_reason(one.reason, words)
            paragraph(f"{kind} · {moment(one.at, words)} · {why}").classes("soft")
            with ui.element("div").classes("columns"):
                with ui.element("div").classes("full"):
                    self._facts()
                    self._controls()
                with ui.element("div").classes("full") as self._said:
                    if visitor.parts.models.is_ready:
                        paragraph(words("loading")).classes("soft")

    def show(self, quote: Quote) -> None:
        """Show what the active model says."""
        words, estimate = self._visitor.words, quote.estimate
        self._said.clear()
        with self._said:
            heading(words("review.model"), 3)
            if not estimate.predicted_price > 0:
                paragraph(estimate.reason or words("quote.nothing")).classes("soft")
                return
            ends, currency = estimate.interval, estimate.currency
            ui.label(amount(estimate.predicted_price, currency, words)).classes("strong")
            interval = words(
                "quote.interval",
                level=f"{ends.confidence_level:.0%}",
                lower=amount(ends.lower, currency, words),
                upper=amount(ends.upper, currency, words),
            )
            ui.label(interval).classes("soft")
            if quote.comparables:
                rows = [[one.title[:120], amount(one.price, currency, words)] for one in quote.comparables]
                head = [words("quote.comparables"), words("role_of.price")]
                table(head, rows, words("quote.comparables"), numbers=(1,))

    def say(self, text: str) -> None:
        """Show why the model says nothing."""
        self._said.clear()
        with self._said:
            paragraph(text).classes("soft")

    def focus(self) -> None:
        """Put the cursor where the price goes."""
        # once the page has drawn it
        ui.run_javascript(
            f"setTimeout(() => document.querySelector('#c{self._section.id} input')?.focus(), 60)"
        )

    def remove(self) -> None:
        """Take it off the page."""
        self._section.delete()

    def _facts(self) -> None:
        shown = [
            (self._visitor.words.or_as_it_is(f"role_of.{name}", str(name)[:80]), str(value)[:300])
            for name, value in list(self.record.listing.items())[:_SHOWN_FIELDS]
            if name not in ("title", "currency") and value not in (None, "")
        ]
        written(definitions(shown))

    def _controls(self) -> None:
        words = self._visitor.words
        with ui.row().classes("bar"):
            label = words("review.price")
            self._price = ui.number(label, min=0.01, step=0.01, format="%.2f", suffix=self._currency or None)
            self._price.props(f'outlined dense input-aria-label="{label}"')
            self._price.on("keydown.enter", self._label)
            ui.button(words("review.label"), on_click=self._label).props("no-caps unelevated color=primary")
            ui.button(words("review.dismiss"), on_click=self._dismiss).props("no-caps flat data-key=d")
            # a number has no letters, so that these two are free for who types prices one after another
            self._price.on("keydown.d.exact", self._dismiss)
            self._price.on("keydown.u.exact", self._queue.undo)

    async def _label(self) -> None:
        price, item, url = float(self._price.value or 0), self.record.item, self._visitor.store
        await self._queue.close(self, lambda caller: label_item(url, item, price, caller.name))

    async def _dismiss(self) -> None:
        item, url = self.record.item, self._visitor.store
        await self._queue.close(self, lambda caller: dismiss_item(url, item, caller.name))
