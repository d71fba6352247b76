"""Promotions: the next campaigns as a calendar, what a budget earns, and what is left out and why."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, fields, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from nicegui import ui
from starlette.responses import PlainTextResponse, Response

from pricelm.core.errors import PricelmError
from pricelm.services.promotion_view import PromotionPlan, PromotionTerms
from pricelm.services.stored_sales import Missing
from pricelm.web.console.calendar_table import add_calendar_style, calendar_table
from pricelm.web.console.charts import frontier_chart
from pricelm.web.console.downloads import csv_answer
from pricelm.web.console.figures import add_plan_style, figures, unfolding_table
from pricelm.web.console.formats import amount, share, signed, whole
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.visitor import Visitor
from pricelm.web.console.waiting import Waiting

ASKS = tuple(one.name for one in fields(PromotionTerms))
_MONEY = ("budget", "campaign_cost")
_MOST_LINES = 50
_COLUMNS = (
    "sku", "title", "category", "start", "weeks", "regular_price", "price", "discount", "extra_units", "gain",
    "spent", "currency",
)  # fmt: skip


async def build(visitor: Visitor) -> None:
    """Build the page."""
    _Promotions(visitor).build()


async def export(visitor: Visitor, **asked: str) -> Response:
    """Return the calendar as CSV."""
    try:
        terms = _read_terms(asked)
    except (ValueError, PricelmError) as error:
        return PlainTextResponse(str(error), 400)
    view = visitor.parts.promotions
    async with visitor.parts.heavy:
        plan = await asyncio.to_thread(view.plan, terms, date.today())
    if isinstance(plan, Missing):
        return csv_answer(_COLUMNS, [], "pricelm-promotions.csv")
    rows = [
        asdict(one)
        | {"start": one.start.isoformat(), "discount": round(one.depth, 6), "currency": plan.currency}
        for one in plan.campaigns
    ]
    return csv_answer(_COLUMNS, rows, f"pricelm-promotions-{plan.mondays[0]}.csv")


def _read_terms(asked: dict[str, str]) -> PromotionTerms:
    numbers: dict[str, Any] = {
        name: float(text) if name in _MONEY else int(text) for name, text in asked.items() if text
    }
    return PromotionTerms(**numbers)


def _print() -> None:
    ui.run_javascript("window.print()")


class _Promotions:
    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._terms = PromotionTerms()
        self._budget: ui.number | None = None

    def build(self) -> None:
        words = self._visitor.words
        add_plan_style()
        add_calendar_style()
        heading(words("nav.promotions"))
        self._about = paragraph(words("promotions.text")).classes("soft")
        self._filters = ui.element("div").classes("full")
        self._waiting = Waiting[PromotionPlan | Missing](self._visitor, words("promotions.busy"), self._show)
        self._ask()

    def _ask(self) -> None:
        terms, view = self._terms, self._visitor.parts.promotions
        self._waiting.ask(lambda: view.plan(terms, date.today()))

    def _show(self, found: PromotionPlan | Missing) -> None:
        words = self._visitor.words
        if isinstance(found, Missing):
            text = words(f"promotions.missing.{found.what}")
            nothing(words("promotions.missing"), text, "campaign")
            return
        self._terms = found.terms
        if self._budget is None:
            with self._filters:
                self._build_filters(found)
        until = words("promotions.about", measured=found.measured, clear=found.clear, day=found.last_day)
        left = words("promotions.unread", products=found.products, left=found.unread) if found.unread else ""
        self._about.text = " ".join(part for part in (until, left) if part)
        figures(
            [
                (
                    words("promotions.gain"),
                    signed(found.gain, found.currency, words),
                    words("promotions.gain.hint"),
                ),
                (
                    words("promotions.spent"),
                    amount(found.spent, found.currency, words),
                    words(
                        "promotions.spent.hint",
                        budget=amount(found.terms.budget or 0.0, found.currency, words),
                    ),
                ),
                (
                    words("promotions.campaigns"),
                    whole(len(found.campaigns), words),
                    words("promotions.campaigns.hint", weeks=len(found.mondays)),
                ),
                (
                    words("promotions.bound"),
                    signed(found.frontier[-1].gain, found.currency, words),
                    words(
                        "promotions.bound.hint",
                        budget=amount(found.frontier[-1].spent, found.currency, words),
                    ),
                ),
            ]
        )
        with ui.element("section").classes("panel"):
            heading(words("promotions.calendar"), 2)
            if found.campaigns:
                paragraph(words("promotions.calendar.text")).classes("soft")
                calendar_table(found, words)
            else:
                paragraph(self._why_empty(found)).classes("soft")
        self._frontier(found)
        self._left_out(found)

    def _why_empty(self, found: PromotionPlan) -> str:
        words = self._visitor.words
        worthwhile = [one.spent for one in found.left_out if one.spent is not None and (one.gain or 0.0) > 0]
        if worthwhile:
            return words("promotions.empty.budget", least=amount(min(worthwhile), found.currency, words))
        return words("promotions.empty.none")

    def _build_filters(self, found: PromotionPlan) -> None:
        words = self._visitor.words
        with ui.row().classes("filters"):
            self._budget = self._number("budget", found.terms.budget, 0, 1e12, found.currency)
            self._number("weeks", found.terms.weeks, 1, 26)
            self._number("length", found.terms.length, 1, 8)
            self._number("most_a_week", found.terms.most_a_week, 1, 200)
            self._number("most_of_a_category", found.terms.most_of_a_category, 1, 200)
            self._number("gap_weeks", found.terms.gap_weeks, 0, 52)
            self._number("campaign_cost", found.terms.campaign_cost, 0, 1e12, found.currency)
            with ui.element("div").classes("actions"):
                ui.button(words("export"), icon="download", on_click=self._export).props("flat dense no-caps")
                ui.button(words("print"), icon="print", on_click=_print).props("flat dense no-caps")

    def _number(self, name: str, value: float | None, least: float, most: float, unit: str = "") -> ui.number:
        words = self._visitor.words
        label = words(f"promotions.term.{name}") + (f" ({unit})" if unit else "")
        field = ui.number(label, value=value, min=least, max=most, precision=2 if name in _MONEY else 0)
        field.props("outlined dense debounce=500").classes("term")
        field.on_value_change(lambda event: self._changed(name, event.value))
        return field

    def _changed(self, name: str, value: float | None) -> None:
        if value is None:
            return
        number: Any = float(value) if name in _MONEY else int(value)
        if number == getattr(self._terms, name):
            return
        try:
            self._terms = replace(self._terms, **{name: number})
        except PricelmError as error:
            self._visitor.warn(str(error))
            return
        self._ask()

    def _export(self) -> None:
        asked = {name: value for name, value in asdict(self._terms).items() if value is not None}
        # the framework puts the path of the console before it
        ui.download.from_url(f"/data/promotions.csv?{urlencode(asked)}")

    def _frontier(self, found: PromotionPlan) -> None:
        words, currency = self._visitor.words, found.currency
        with ui.element("section").classes("panel"):
            heading(words("promotions.frontier"), 2)
            paragraph(words("promotions.frontier.text")).classes("soft")
            points = [(one.budget, one.gain) for one in found.frontier]
            chart = ui.echart(frontier_chart(points, found.terms.budget or 0.0, words)).classes("chart")
            chart.props('role="img"')
            chart._props["aria-label"] = words("promotions.frontier")
            rows = [
                [
                    amount(one.budget, currency, words),
                    signed(one.gain, currency, words),
                    amount(one.spent, currency, words),
                    whole(one.campaigns, words),
                ]
                for one in found.frontier
            ]
            head = [words(f"promotions.{name}") for name in ("budget", "gain", "spent", "campaigns")]
            unfolding_table(head, rows, words("promotions.frontier"), words, (0, 1, 2, 3))

    def _left_out(self, found: PromotionPlan) -> None:
        words, currency = self._visitor.words, found.currency
        with ui.element("section").classes("panel clipped"):
            heading(words("promotions.left"), 2)
            if not found.left_out:
                paragraph(words("promotions.left.none")).classes("soft")
                return
            rows = [
                [
                    one.title or one.sku,
                    words(f"promotions.reason.{one.reason.replace(' ', '_')}")
                    + (f" ({one.detail})" if one.detail else ""),
                    "–" if one.uplift is None else f"{share(one.uplift.low)} – {share(one.uplift.high)}",
                    "–" if one.gain is None else signed(one.gain, currency, words),
                ]
                for one in found.left_out[:_MOST_LINES]
            ]
            head = [
                words("column.title"),
                words("column.why"),
                words("promotions.uplift"),
                words("promotions.gain"),
            ]
            table(head, rows, words("promotions.left"), numbers=(2, 3))
            if len(found.left_out) > _MOST_LINES:
                paragraph(words("promotions.left.more", count=len(found.left_out) - _MOST_LINES)).classes(
                    "soft"
                )
