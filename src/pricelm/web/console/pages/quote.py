"""Quote: type or paste a listing and see its price move with the words; have a whole file priced."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from nicegui import events, ui

from pricelm.core.errors import PricelmError
from pricelm.services.predicting import PredictionRequest, PredictionResult, predict_prices
from pricelm.services.service_keys import Caller, Role
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.text_price import ask, readable, show_quote
from pricelm.web.console.uploads import file_button
from pricelm.web.console.visitor import Visitor

_ROLES = ("title", "description", "brand", "category", "condition")
_MOST_LETTERS = 5_000


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
        _file(visitor)


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
        self._place.clear()
        with self._place:
            if found is None:
                paragraph(visitor.words("quote.start")).classes("soft")
            else:
                show_quote(visitor, *found)


def _file(visitor: Visitor) -> None:
    words = visitor.words
    with ui.element("section").classes("panel"):
        heading(words("quote.file"), 2)
        paragraph(words("quote.file.text")).classes("soft")
        kinds = ".csv,.tsv,.jsonl"
        file_button(visitor, words("quote.file.button"), kinds, lambda event: _priced(visitor, event))


async def _priced(visitor: Visitor, event: events.UploadEventArguments) -> None:
    words = visitor.words
    name = Path(event.file.name)
    suffix = name.suffix.lower() if name.suffix.lower() in (".csv", ".tsv", ".jsonl") else ".csv"
    busy = ui.notification(words("quote.busy"), spinner=True, timeout=None)
    bundle = visitor.parts.models.cast.active.record.bundle
    with tempfile.TemporaryDirectory(prefix="pricelm-upload-") as folder:
        listings, out = Path(folder) / f"listings{suffix}", Path(folder) / "prices.csv"
        await event.file.save(listings)

        def price(_: Caller) -> PredictionResult:
            return predict_prices(PredictionRequest(bundle, listings, out, keep_columns=True))

        done = await visitor.act(Role.viewer, price)
        content = await asyncio.to_thread(out.read_bytes) if done is not None else b""
        # what could not be priced comes back too: nobody's rows are lost silently
        refused = b""
        if done is not None and done.rejected is not None:
            refused = await asyncio.to_thread(done.rejected.read_bytes)
    busy.dismiss()
    if done is None:
        return
    ui.download.content(content, f"{name.stem[:80]}-priced.csv")
    visitor.tell(words("quote.done", rows=done.rows, abstained=done.abstained))
    if refused:
        ui.download.content(refused, f"{name.stem[:80]}-rejected.csv")
        visitor.warn(words("quote.refused", count=sum(done.rejected_counts.values())))
