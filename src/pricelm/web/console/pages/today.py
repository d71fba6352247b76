"""Today: what prices should move, what it would earn, and the decision about it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from nicegui import ui
from starlette.responses import JSONResponse, Response

from pricelm.core.errors import ConfigError
from pricelm.services.approving import BatchRecord, unknown_batch
from pricelm.services.worklist import WorkList
from pricelm.web.console.decision_bar import DecisionBar
from pricelm.web.console.deliveries import Deliveries
from pricelm.web.console.doors import three_doors
from pricelm.web.console.figures import figures
from pricelm.web.console.formats import amount, moment, whole
from pricelm.web.console.reasons import reason
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.visitor import Visitor
from pricelm.web.console.words import Words
from pricelm.web.console.work_table import STATES, WorkTable

_ROWS = {"Cache-Control": "no-store"}


async def build(visitor: Visitor) -> None:
    """Build the page."""
    batches = await asyncio.to_thread(visitor.parts.lists.batches)
    if not batches:
        heading(visitor.words("nav.today"))
        three_doors(visitor)
        return
    asked = ui.context.client.request.query_params.get("plan", "")
    chosen = next((one for one in batches if str(one.batch) == asked), batches[0])
    await _Today(visitor, batches, chosen).build()


async def rows(visitor: Visitor, batch: str) -> Response:
    """Return all recommendations of a plan for the table, packed when somebody asked first."""
    words = visitor.words

    def draw(work: WorkList) -> bytes:
        return _lines(work.rows, work.batch.currency, words)

    try:
        packed = await asyncio.to_thread(
            visitor.parts.lists.packed, _number(batch), f"rows {words.language}", draw
        )
    except ConfigError:
        return JSONResponse([], 404)
    headers = _ROWS | {"X-Pricelm-Revision": packed.revision, "Content-Encoding": "gzip"}
    return Response(packed.content, headers=headers, media_type="application/json")


async def changed_rows(visitor: Visitor, batch: str, revision: str) -> Response:
    """Return the recommendations that changed since a revision; all where that is not known any more."""
    try:
        work, found = await asyncio.to_thread(visitor.parts.lists.changes, _number(batch), revision)
    except ConfigError:
        return JSONResponse([], 404)
    if found is None:
        return await rows(visitor, batch)
    headers = _ROWS | {"X-Pricelm-Revision": work.revision, "X-Pricelm-Rows": "changed"}
    body = _lines(found, work.batch.currency, visitor.words)
    return Response(body, headers=headers, media_type="application/json")


def _number(batch: str) -> int:
    if not batch.isdigit() or len(batch) > 9:
        raise unknown_batch(0)
    return int(batch)


def _lines(rows: list[dict[str, Any]], currency: str, words: Words) -> bytes:
    left_out = ("holding", "broken")
    lines = [
        {name: value for name, value in row.items() if name not in left_out}
        | {"why": reason(row, currency, words, brief=True)}
        for row in rows
    ]
    return json.dumps(lines, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


class _Today:
    def __init__(self, visitor: Visitor, batches: list[BatchRecord], chosen: BatchRecord) -> None:
        self._visitor, self._batches, self._batch = visitor, batches, chosen

    async def build(self) -> None:
        visitor, words, batch = self._visitor, self._visitor.words, self._batch
        work = await self._read()
        with ui.row().classes("title-row"):
            with ui.column().classes("title"):
                heading(words("nav.today"))
                made = words("today.made", actor=batch.actor, at=moment(batch.created, words))
                paragraph(made).classes("soft")
            names = {
                one.batch: words("today.plan", batch=one.batch, at=moment(one.created, words))
                for one in self._batches
            }
            ui.select(
                names,
                value=batch.batch,
                label=words("today.choose"),
                on_change=lambda event: ui.navigate.to(f"/?plan={event.value}"),
            ).props("outlined dense options-dense").classes("plan")
        deliveries = Deliveries(visitor, self._changed)
        await deliveries.build()
        self._figures(work)
        table = WorkTable(visitor, batch.batch, batch.currency)
        self._filters(table)
        bar = DecisionBar(visitor, batch.batch, table, deliveries, self._changed)
        bar.build()
        table.build(on_choice=bar.count)
        bar.approved = work.batch.states.get("approved", 0)
        bar.applied = work.batch.states.get("applied", 0)
        bar.refresh()
        self._bar, self._table = bar, table

    async def _read(self) -> WorkList:
        return await asyncio.to_thread(self._visitor.parts.lists.work_list, self._batch.batch)

    async def _changed(self) -> None:
        work = await self._read()
        self._figures.refresh(work)
        self._bar.approved = work.batch.states.get("approved", 0)
        self._bar.applied = work.batch.states.get("applied", 0)
        self._bar.refresh()
        self._table.reload()

    @ui.refreshable_method
    def _figures(self, work: WorkList) -> None:
        words, currency = self._visitor.words, work.batch.currency
        states = work.batch.states
        approved = amount(work.approved_gain, currency, words) if work.approved_gain else ""
        figures(
            [
                (words("today.waiting"), whole(work.waiting, words), ""),
                (words("today.gain"), amount(work.waiting_gain, currency, words), words("today.gain.hint")),
                (words("today.approved"), whole(states.get("approved", 0), words), approved),
                (words("today.applied"), whole(states.get("applied", 0), words), ""),
            ]
        )

    def _filters(self, table: WorkTable) -> None:
        words = self._visitor.words
        with ui.row().classes("filters"):
            search = ui.input(
                placeholder=words("today.search"), on_change=lambda e: table.search(e.value or "")
            )
            search.props(
                f'outlined dense clearable debounce=200 id="search" aria-label="{words("today.search")}"'
            )
            with search.add_slot("prepend"):
                ui.icon("search").props('aria-hidden="true"')
            shown = {"": words("all")} | {state: words(f"step.{state}") for state in STATES}
            table.step = "waiting"
            ui.select(
                shown,
                value=table.step,
                label=words("today.step"),
                on_change=lambda e: table.only(step=e.value),
            ).props("outlined dense options-dense").classes("narrow")
            actions = {"": words("all")} | {
                one: words(f"action.{one}") for one in ("raise", "lower", "hold", "test first", "review")
            }
            ui.select(
                actions, value="", label=words("today.action"), on_change=lambda e: table.only(action=e.value)
            ).props("outlined dense options-dense").classes("narrow")
            ui.space()
            ui.button(words("export"), icon="download", on_click=table.export).props("flat dense no-caps")
