"""A whole file priced: with progress, a way to stop, and limits, since anybody who may look may do this."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from nicegui import events, ui

from pricelm.core.errors import PricelmError
from pricelm.core.protocols import Silence
from pricelm.services.predicting import PredictionRequest, PredictionResult, predict_prices
from pricelm.services.reviewing_files import PricedFile, remember_priced_file
from pricelm.services.service_keys import Caller, Role
from pricelm.services.spreadsheet_cells import defuse_csv
from pricelm.web.console.formats import whole
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.uploads import file_button
from pricelm.web.console.visitor import Visitor

_SUFFIXES = (".csv", ".tsv", ".jsonl")
_CHUNK_ROWS = 500
_LOOK_SECONDS = 0.3
# each has the model in memory once more
_AT_ONCE = threading.BoundedSemaphore(2)


class _Stopped(PricelmError):
    """The visitor had enough of it."""


class _Watched(Silence):
    """Notes how far pricing is, and ends it when it is told to."""

    def __init__(self) -> None:
        self.done, self.total = 0, 0
        self.stopped = ""

    def start(self, task: str, total: int) -> None:
        self.total, self.done = total, 0
        self._stop()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        self._stop()

    def _stop(self) -> None:
        if self.stopped:
            raise _Stopped(self.stopped)


@dataclass(frozen=True)
class _Priced:
    result: PredictionResult
    prices: bytes
    rejected: bytes


class FilePrices:
    """The section of the quote page that prices a file.

    Parameters
    ----------
    visitor : Visitor
        Who looks.
    """

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._watched: _Watched | None = None

    def build(self) -> None:
        """Build the section."""
        words = self._visitor.words
        with ui.element("section").classes("panel"):
            heading(words("quote.file"), 2)
            paragraph(words("quote.file.text")).classes("soft")
            file_button(self._visitor, words("quote.file.button"), ",".join(_SUFFIXES), self._taken)
            with ui.element("div").classes("full").props('aria-live="polite"') as self._progress:
                self._bar = ui.linear_progress(value=0, show_value=False, size="10px").props(
                    f'rounded aria-label="{words("quote.busy")}"'
                )
                self._count = ui.label().classes("soft")
                ui.button(words("cancel"), icon="close", on_click=self._stop).props("outline no-caps")
            self._progress.set_visibility(False)
            # a page that is left behind prices nothing more
            ui.context.client.on_disconnect(self._stop)

    def _stop(self) -> None:
        if self._watched is not None:
            self._watched.stopped = self._visitor.words("quote.stopped")

    def _look(self) -> None:
        watched, words = self._watched, self._visitor.words
        if watched is not None:
            self._bar.set_value(min(1.0, watched.done / watched.total) if watched.total else 0)
            done, total = whole(watched.done, words), whole(watched.total, words)
            self._count.set_text(words("quote.file.count", done=done, total=total))

    async def _taken(self, event: events.UploadEventArguments) -> None:
        visitor, words = self._visitor, self._visitor.words
        name = Path(event.file.name)
        suffix = name.suffix.lower()
        if suffix not in _SUFFIXES:
            visitor.warn(words("quote.file.kind", kinds=", ".join(_SUFFIXES)))
            return
        if self._watched is not None or not _AT_ONCE.acquire(blocking=False):
            visitor.warn(words("quote.file.taken"))
            return
        self._watched = _Watched()
        self._progress.set_visibility(True)
        looking = ui.timer(_LOOK_SECONDS, self._look)
        try:
            done = await self._priced(event, suffix, self._watched)
        finally:
            _AT_ONCE.release()
            self._watched = None
            looking.cancel()
            self._progress.set_visibility(False)
        if done is None:
            return
        ui.download.content(done.prices, f"{name.stem[:80]}-priced.csv")
        visitor.tell(words("quote.done", rows=done.result.rows, abstained=done.result.abstained))
        if done.rejected:
            ui.download.content(done.rejected, f"{name.stem[:80]}-rejected.csv")
            visitor.warn(words("quote.refused", count=sum(done.result.rejected_counts.values())))

    async def _priced(
        self, event: events.UploadEventArguments, suffix: str, watched: _Watched
    ) -> _Priced | None:
        parts, url = self._visitor.parts, self._visitor.store_url
        active = parts.models.cast.active
        with tempfile.TemporaryDirectory(prefix="pricelm-upload-") as folder:
            listings, out = Path(folder) / f"listings{suffix}", Path(folder) / "prices.csv"
            await event.file.save(listings)

            def price(caller: Caller) -> _Priced:
                bundle = active.record.bundle
                request = PredictionRequest(bundle, listings, out, keep_columns=True, chunk_rows=_CHUNK_ROWS)
                result = predict_prices(request, watched)
                priced = PricedFile(bundle, listings, out, version=active.version)
                recorder = parts.recorder
                remember_priced_file(url, priced, caller.name, recorder.memory, recorder.most_a_day)
                # what could not be priced comes back too: nobody's rows are lost silently
                return _Priced(result, _for_people(out), _for_people(result.rejected))

            return await self._visitor.act(Role.viewer, price)


def _for_people(file: Path | None) -> bytes:
    if file is None:
        return b""
    safe = file.with_name(f"safe-{file.name}")
    defuse_csv(file, safe)
    return safe.read_bytes()
