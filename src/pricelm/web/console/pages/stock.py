"""Stock: how long each product lasts, what to order now and what it costs, when to order the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from itertools import pairwise
from urllib.parse import urlencode

from nicegui import ui
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pricelm.core.errors import PricelmError
from pricelm.services.stock_view import STEPS, StockOverview
from pricelm.services.stocking import StockTerms
from pricelm.services.stored_sales import Missing
from pricelm.web.console.charts import cover_chart
from pricelm.web.console.downloads import csv_answer
from pricelm.web.console.figures import add_plan_style, figures, unfolding_table
from pricelm.web.console.formats import amount, whole
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.stock_table import StockTable, asked
from pricelm.web.console.visitor import Visitor
from pricelm.web.console.waiting import Waiting

ASKS = ("review_days", "holding_rate")
_COLUMNS = (
    "sku", "title", "category", "on_hand", "on_order", "units", "deviation", "basis", "cover", "cover_low",
    "cover_high", "safety", "point", "up_to", "risk", "order", "cost", "currency", "step", "date", "policy",
    "why",
)  # fmt: skip
_LONGEST = {"review_days": 90.0, "holding_rate": 5.0}
_ENDS = (7, 14, 30, 60, 120)


async def build(visitor: Visitor) -> None:
    """Build the page."""
    _Stock(visitor).build()


async def rows(visitor: Visitor, **named: str) -> Response:
    """Return the products for the table."""
    found = await _overview(visitor, named)
    if isinstance(found, Response):
        return found
    shown = found.rows if isinstance(found, StockOverview) else []
    return JSONResponse(shown, headers={"Cache-Control": "no-store"})


async def export(visitor: Visitor, step: str = "", **named: str) -> Response:
    """Return the products as CSV, all of them or those of one urgency."""
    found = await _overview(visitor, named)
    if isinstance(found, Response):
        return found
    name = f"pricelm-stock-{date.today()}.csv"
    if isinstance(found, Missing):
        return csv_answer(_COLUMNS, [], name)
    wanted = [row | {"currency": found.currency} for row in found.rows if step in ("", row["step"])]
    return csv_answer(_COLUMNS, wanted, name)


async def _overview(visitor: Visitor, named: dict[str, str]) -> StockOverview | Missing | Response:
    try:
        terms = StockTerms(**{name: float(text) for name, text in named.items() if text})
        if any(getattr(terms, name) > most for name, most in _LONGEST.items()):
            return PlainTextResponse(f"expected at most {_LONGEST}", 400)
    except (ValueError, PricelmError) as error:
        return PlainTextResponse(str(error), 400)
    view = visitor.parts.stock
    async with visitor.parts.heavy:
        return await asyncio.to_thread(view.overview, terms, date.today())


class _Stock:
    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._terms = StockTerms()

    def build(self) -> None:
        words = self._visitor.words
        add_plan_style()
        heading(words("nav.stock"))
        self._about = paragraph(words("stock.text")).classes("soft")
        self._table = StockTable(self._visitor)
        self._waiting = Waiting[StockOverview | Missing](self._visitor, words("stock.busy"), self._show)
        # below what is worked out, so that it stays while that is worked out anew
        self._below = ui.element("div").classes("full")
        self._chart_place = ui.element("div").classes("full")
        self._is_built = False
        self._ask()

    def _ask(self) -> None:
        terms, view = self._terms, self._visitor.parts.stock
        self._waiting.ask(lambda: view.overview(terms, date.today()))

    def _show(self, found: StockOverview | Missing) -> None:
        words = self._visitor.words
        if isinstance(found, Missing):
            text = words(f"stock.missing.{found.what.replace(' ', '_')}")
            nothing(words("stock.missing"), text, "inventory_2")
            return
        self._about.text = (
            words("stock.about", day=found.sold_until) if found.sold_until else words("stock.about.plan")
        )
        cost = amount(found.cost, found.currency, words)
        uncosted = words("stock.uncosted", count=found.uncosted) if found.uncosted else ""
        figures(
            [
                (
                    words("stock.now"),
                    whole(found.now, words),
                    words("stock.now.hint", count=whole(len(found.rows), words)),
                ),
                (words("stock.cost"), cost, uncosted or words("stock.cost.hint")),
                (words("stock.soon"), whole(found.soon, words), words("stock.soon.hint")),
                (
                    words("stock.cover"),
                    "–" if found.cover is None else words("stock.days", days=f"{found.cover:,.0f}"),
                    words("stock.cover.hint"),
                ),
            ]
        )
        with self._below:
            if not self._is_built:
                self._table.step = "now" if found.now else ""
                self._build_filters()
                self._is_built = True
            self._table.show(found, self._terms)
        self._chart_place.clear()
        with self._chart_place:
            self._chart(found)

    def _build_filters(self) -> None:
        words, board = self._visitor.words, self._table
        with ui.row().classes("filters"):
            search = ui.input(
                placeholder=words("stock.search"), on_change=lambda event: board.search(event.value or "")
            )
            search.props("outlined dense clearable debounce=200")
            search._props["aria-label"] = words("stock.search")
            with search.add_slot("prepend"):
                ui.icon("search").props('aria-hidden="true"')
            steps = {"": words("all")} | {one: words(f"stock.step.{one}") for one in STEPS}
            ui.select(
                steps,
                value=board.step,
                label=words("stock.column.step"),
                on_change=lambda event: board.only(event.value),
            ).props("outlined dense options-dense").classes("narrow")
            self._number("review_days", self._terms.review_days, 1)
            self._number("holding_rate", self._terms.holding_rate * 100, 100)
            with ui.element("div").classes("actions"):
                ui.button(words("export"), icon="download", on_click=self._export).props("flat dense no-caps")
                ui.button(words("print"), icon="print", on_click=board.print).props("flat dense no-caps")

    def _number(self, name: str, value: float, scale: float) -> None:
        most = _LONGEST[name] * scale
        field = ui.number(
            self._visitor.words(f"stock.term.{name}"), value=value, min=1, max=most, precision=0
        )
        field.props("outlined dense debounce=500").classes("term")
        field.on_value_change(lambda event: self._changed(name, event.value, scale))

    def _changed(self, name: str, value: float | None, scale: float) -> None:
        if value is None or value / scale == getattr(self._terms, name):
            return
        try:
            self._terms = replace(self._terms, **{name: value / scale})
        except PricelmError as error:
            self._visitor.warn(str(error))
            return
        self._ask()

    def _export(self) -> None:
        named = asked(self._terms) | ({"step": self._table.step} if self._table.step else {})
        # the framework puts the path of the console before it
        ui.download.from_url(f"/data/stock.csv?{urlencode(named)}")

    def _chart(self, found: StockOverview) -> None:
        words = self._visitor.words
        spans = _spans(found)
        names = [words("stock.span.to", days=_ENDS[0])]
        names += [words("stock.span", low=low, high=high) for low, high in pairwise(_ENDS)]
        names += [words("stock.span.from", days=_ENDS[-1])]
        named = [(name, now, rest) for name, (now, rest) in zip(names, spans, strict=True)]
        with ui.element("section").classes("panel"):
            heading(words("stock.lasts"), 2)
            chart = ui.echart(cover_chart(named, words)).classes("chart short").props('role="img"')
            chart._props["aria-label"] = words("stock.lasts")
            head = [words("stock.column.cover"), words("stock.step.now"), words("stock.enough")]
            lines = [[name, whole(now, words), whole(rest, words)] for name, now, rest in named]
            unfolding_table(head, lines, words("stock.lasts"), words, (1, 2))


def _spans(found: StockOverview) -> list[tuple[int, int]]:
    """Return how many products last how long: those to order now, and the others."""
    counts = [[0, 0] for _ in range(len(_ENDS) + 1)]
    for row in found.rows:
        if row["cover"] is not None:
            span = sum(row["cover"] >= end for end in _ENDS)
            counts[span][row["step"] != "now"] += 1
    return [(now, rest) for now, rest in counts]
