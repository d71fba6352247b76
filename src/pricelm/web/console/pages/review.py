"""Review: listings that a person should look at; a price given here is kept for the next tuning."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pricelm.services.review_queue import ReviewRecord, dismiss_item, label_item, review_queue
from pricelm.services.service_keys import Caller, Role
from pricelm.web.console.formats import moment
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.visitor import Visitor

_AT_ONCE = 20


async def build(visitor: Visitor) -> None:
    """Build the page."""
    heading(visitor.words("nav.review"))
    paragraph(visitor.words("review.text")).classes("soft")
    place = ui.element("div").classes("full")
    await _show(visitor, place)


async def _show(visitor: Visitor, place: ui.element) -> None:
    waiting = await asyncio.to_thread(review_queue, visitor.store, "open", _AT_ONCE)
    place.clear()
    with place:
        if not waiting:
            nothing(visitor.words("review.none"), visitor.words("review.none.text"), "task_alt")
            return
        for one in waiting:
            _card(visitor, place, one)


def _card(visitor: Visitor, place: ui.element, one: ReviewRecord) -> None:
    words, store = visitor.words, visitor.store
    title = str(one.listing.get("title") or one.listing_id)
    with ui.element("section").classes("panel review"):
        heading(title, 2)
        kind = words.or_as_it_is(f"review.{one.kind}", one.kind)
        paragraph(f"{kind} · {moment(one.at, words)} · {one.reason}").classes("soft")
        with ui.element("dl").classes("answer"):
            for name, value in list(one.listing.items())[:12]:
                if name != "title" and value not in (None, ""):
                    with ui.element("div"):
                        TextElement(tag="dt", text=str(name))
                        TextElement(tag="dd", text=str(value)[:300])
        with ui.row().classes("bar"):
            price = ui.number(words("review.price"), min=0.01, step=0.01, format="%.2f").props(
                "outlined dense"
            )
            price.props(f'input-aria-label="{words("review.price")}"')

            def label(caller: Caller) -> bool:
                label_item(store, one.item, float(price.value or 0), caller.name)
                return True

            def dismiss(caller: Caller) -> bool:
                dismiss_item(store, one.item, caller.name)
                return True

            _button(visitor, place, "review.label", label, "unelevated color=primary")
            _button(visitor, place, "review.dismiss", dismiss, "flat")


def _button(visitor: Visitor, place: ui.element, key: str, work: Callable[[Caller], Any], look: str) -> None:
    async def clicked() -> None:
        if await visitor.act(Role.analyst, work):
            visitor.tell(visitor.words("done"))
            await _show(visitor, place)

    ui.button(visitor.words(key), on_click=clicked).props(f"no-caps {look}")
