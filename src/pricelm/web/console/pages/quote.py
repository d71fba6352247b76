"""Quote: type or paste a listing and see its price move with the words; have a whole file priced."""

from __future__ import annotations

from nicegui import ui

from pricelm.core.errors import PricelmError
from pricelm.core.nouns import Quote
from pricelm.services.service_keys import Role
from pricelm.web.console.file_prices import FilePrices
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.text_price import ask, readable, show_quote
from pricelm.web.console.visitor import Visitor

_ROLES = ("title", "description", "brand", "category", "condition")
_MOST_LETTERS = 5_000
_SETTLED_SECONDS = 3.0


async def build(visitor: Visitor) -> None:
    """Build the page."""
    words = visitor.words
    heading(words("nav.quote"))
    if not visitor.parts.models.is_ready:
        nothing(words("quote.no_model"), words("quote.no_model.text"), "model_training")
        return
    paragraph(words("quote.text")).classes("soft")
    with ui.element("div").classes("columns"):
        await _Typed(visitor).build()
        FilePrices(visitor).build()


class _Typed:
    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._listing: dict[str, str] = {}
        self._turn = 0

    async def build(self) -> None:
        words = self._visitor.words
        columns = self._visitor.parts.models.cast.active.columns
        with ui.element("section").classes("panel"):
            heading(words("quote.listing"), 2)
            for role in _ROLES:
                if getattr(columns, role, None):
                    kind = ui.textarea if role == "description" else ui.input
                    field = kind(
                        words(f"field.{role}"), on_change=lambda e, role=role: self._typed(role, e.value)
                    )
                    field.props(f'outlined dense debounce=250 maxlength="{_MOST_LETTERS}"').classes("full")
        with ui.element("section").classes("panel wide"):
            heading(words("quote.price"), 2)
            with ui.element("div").classes("full") as self._place:
                paragraph(words("quote.start")).classes("soft")

    async def _typed(self, role: str, value: str | None) -> None:
        self._listing[role] = value or ""
        self._turn += 1
        turn, visitor = self._turn, self._visitor
        if await visitor.act(Role.viewer, lambda caller: caller) is None:
            return
        listing = readable(visitor, self._listing)
        try:
            found = await ask(visitor, listing) if listing else None
        except PricelmError as error:
            visitor.warn(str(error))
            return
        # a slow answer to what was typed before must not replace a newer one
        if turn != self._turn:
            return
        if found is not None:
            ui.timer(_SETTLED_SECONDS, lambda: self._remember(turn, listing, found[0]), once=True)
        self._place.clear()
        with self._place:
            if found is None:
                paragraph(visitor.words("quote.start")).classes("soft")
            else:
                show_quote(visitor, *found)

    def _remember(self, turn: int, listing: dict[str, str], quote: Quote) -> None:
        """Keep a quote that stayed on the screen; what was only passed through while typing is not kept."""
        if turn == self._turn:
            parts = self._visitor.parts
            answer = (quote, parts.models.cast.active.version)
            parts.recorder.note(self._visitor.visit.caller.name, [listing], [answer], parts.models)
