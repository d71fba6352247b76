"""Product: what each price would earn, what rules say, where the price comes from, what happened so far."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from pricelm.core.errors import ConfigError
from pricelm.core.nouns import Verdict
from pricelm.services.product_view import ProductHistory, ProductView, product_history
from pricelm.web.console.charts import profit_chart, sales_chart, steps_chart
from pricelm.web.console.figures import figures
from pricelm.web.console.formats import amount, moment, share, signed, whole
from pricelm.web.console.markup import around, definitions, element, icon, written
from pricelm.web.console.reasons import reason, verdict_text
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.text_price import text_price
from pricelm.web.console.visitor import Visitor
from pricelm.web.console.words import Words

_SAME = 0.01
_MOST_MARKS = 3
_MOST_OTHERS = 10


async def build(visitor: Visitor) -> None:
    """Build the page."""
    batch, sku = _asked(visitor)
    lists, words = visitor.parts.lists, visitor.words
    work = await asyncio.to_thread(lists.work_list, batch)
    row = next((one for one in work.rows if one["sku"] == sku), None)
    if row is None:
        raise ConfigError(words("product.unknown", sku=sku, batch=batch))
    inputs = await asyncio.to_thread(lists.inputs, batch)
    history = await asyncio.to_thread(product_history, lists, sku, row["id"])
    _title(visitor, batch, row, work.batch.currency)
    if inputs is None:
        nothing(words("product.bare"), words("product.bare.text"), "data_alert")
    else:
        view = await asyncio.to_thread(ProductView, inputs, sku)
        await _Prices(visitor, view, row, history).build()
    _history(visitor, history, work.batch.currency)
    text_price(visitor, (await asyncio.to_thread(lists.texts, batch, [sku]))[sku])


def _asked(visitor: Visitor) -> tuple[int, str]:
    given = ui.context.client.request.path_params
    if not str(given["batch"]).isdigit() or len(str(given["batch"])) > 9:
        raise ConfigError(visitor.words("product.no_plan"))
    return int(given["batch"]), str(given["sku"])


def _title(visitor: Visitor, batch: int, row: dict[str, Any], currency: str) -> None:
    words = visitor.words
    ui.link(words("product.back"), f"{visitor.root}/?plan={batch}").classes("back")
    heading(row["title"] or row["sku"])
    place = " · ".join(part for part in (row["sku"], row["category"], row["brand"]) if part)
    paragraph(place).classes("soft")
    shown = [
        (words("column.current"), amount(row["current"], currency, words), ""),
        (words("column.price"), amount(row["price"], currency, words), share(row["change"])),
        (
            words("column.gain"),
            signed(row["gain"] or 0.0, currency, words),
            _gain_hint(row, currency, words),
        ),
        (
            words("product.range"),
            _range(row["low"], row["high"], currency, words),
            words("product.range.hint"),
        ),
        (words("column.step"), words.or_as_it_is(f"step.{row['step']}", row["step"]), row["edited"]),
    ]
    figures(shown)
    paragraph(reason(row, currency, words)).classes("why")


def _gain_hint(row: dict[str, Any], currency: str, words: Words) -> str:
    planned = row["planned_gain"]
    if planned is None or row["edited"] or abs(planned - (row["gain"] or 0.0)) < _SAME:
        return words("today.gain.hint")
    return words("product.careful", amount=signed(planned, currency, words))


def _range(low: float, high: float, currency: str, words: Words) -> str:
    ends = [amount(one, currency, words) for one in (low, high)]
    return ends[0] if ends[0] == ends[1] else " – ".join(ends)


class _Prices:
    """The curve, and the slider that asks what a price would do."""

    def __init__(
        self, visitor: Visitor, view: ProductView, row: dict[str, Any], history: ProductHistory
    ) -> None:
        self._visitor, self._view, self._row, self._history = visitor, view, row, history

    async def build(self) -> None:
        words, view, row = self._visitor.words, self._view, self._row
        curve = await asyncio.to_thread(view.curve, row["price"])
        ranges = view.allowed_ranges(curve)
        marks = [(words("steps.now"), row["current"])]
        if abs(row["price"] - row["current"]) > 0.005:
            marks.append((words("steps.then"), row["price"]))
        others = self._others()
        marks += [(name, price) for name, price, _ in others[:_MOST_MARKS]]
        with ui.element("div").classes("columns"):
            with ui.element("section").classes("panel wide"):
                heading(words("product.curve"), 2)
                paragraph(words("product.curve.text")).classes("soft")
                self._chart = ui.echart(profit_chart(curve, ranges, marks, words)).classes("chart")
                self._chart.props(f'role="img" aria-label="{words("product.curve")}"')
                low, high = curve[0].price, curve[-1].price
                ui.label(words("product.what_if")).props('id="what-if"').classes("strong")
                step = max(round((high - low) / 200, 2), 0.01)
                slider = ui.slider(min=round(low, 2), max=round(high, 2), step=step, value=row["price"])
                slider.props('label aria-labelledby="what-if"')
                slider.on("update:model-value", lambda event: self._show(float(event.args)), throttle=0.05)
                self._numbers = written("")
                self._verdicts = written("", "ul").classes("verdicts")
                self._show(row["price"])
            with ui.element("section").classes("panel"):
                heading(words("product.steps"), 2)
                paragraph(words("product.steps.text")).classes("soft")
                chart = ui.echart(steps_chart(view.steps(row["price"]), words)).classes("chart")
                chart.props(f'role="img" aria-label="{words("product.steps")}"')
                self._competitors(others)

    def _others(self) -> list[tuple[str, float, str]]:
        """Return who else sells it, at which price, and when that was seen."""
        words, planned = self._visitor.words, self._view.competitor_price
        seen = [
            (one.seller, float(one.price), moment(one.observed_at, words)) for one in self._history.market
        ]
        if planned is not None and not seen:
            return [(words("product.competitor"), planned, words("product.competitor.plan"))]
        return seen

    def _competitors(self, others: list[tuple[str, float, str]]) -> None:
        words, currency, price = self._visitor.words, self._view.currency, self._row["price"]
        heading(words("product.competitors"), 3)
        if not others:
            paragraph(words("product.competitors.none")).classes("soft")
            return
        rows = [
            [name, amount(other, currency, words), share(price / other - 1), at]
            for name, other, at in others[:_MOST_OTHERS]
        ]
        head = ["column.seller", "column.price_at", "column.against", "column.at"]
        table([words(key) for key in head], rows, words("product.competitors"), numbers=(1, 2))

    def _show(self, price: float) -> None:
        """Say what a price would do: two texts change, and nothing is built anew while the slider moves."""
        point, words, currency = self._view.at(price), self._visitor.words, self._view.currency
        self._numbers.content = definitions(
            [
                (words("column.price_at"), amount(point.price, currency, words)),
                (words("column.units"), whole(point.units, words)),
                (words("product.revenue"), amount(point.revenue, currency, words)),
                (words("product.profit"), amount(point.profit, currency, words)),
                (words("column.gain"), signed(point.gain, currency, words)),
            ],
            aria_live="polite",
        )
        self._verdicts.content = "".join(self._verdict(one) for one in point.verdicts)

    def _verdict(self, verdict: Verdict) -> str:
        words = self._visitor.words
        mark = "bound" if verdict.bound else "kept" if verdict.satisfied else "broken"
        picture = icon({"kept": "check", "bound": "lock", "broken": "block"}[mark], words(f"verdict.{mark}"))
        limit = self._view.limits.get(verdict.rule_id)
        text = verdict_text(verdict, limit, self._view.currency, words)
        return around("li", picture + element("div", text), class_=mark)


def _history(visitor: Visitor, history: ProductHistory, currency: str) -> None:
    words = visitor.words
    with ui.element("div").classes("columns"):
        if history.sales:
            with ui.element("section").classes("panel wide"):
                heading(words("product.sales"), 2)
                chart = ui.echart(sales_chart(history.sales, words)).classes("chart")
                chart.props(f'role="img" aria-label="{words("product.sales")}"')
        with ui.element("section").classes("panel"):
            heading(words("product.history"), 2)
            if not history.prices and not history.decisions:
                paragraph(words("product.no_history")).classes("soft")
            else:
                _events(visitor, history, currency)


def _events(visitor: Visitor, history: ProductHistory, currency: str) -> None:
    words = visitor.words
    events = [
        (
            one.at,
            words.or_as_it_is(f"event.{one.kind}", one.kind),
            f"{amount(one.old_price, currency, words)} → {amount(one.new_price, currency, words)}"
            + (f" · {words('event.undone')}" if one.undone else ""),
        )
        for one in history.prices
    ]
    events += [
        (
            one.at,
            f"{words.or_as_it_is(f'event.{one.decision}', one.decision)} · {one.actor}",
            " · ".join(
                part
                for part in (amount(float(one.price), currency, words) if one.price else "", one.reason)
                if part
            ),
        )
        for one in history.decisions
    ]
    events.sort(key=lambda one: one[0].timestamp() if one[0] else 0.0, reverse=True)
    rows = [[moment(at, words), what, detail] for at, what, detail in events]
    table([words("column.at"), words("column.what"), words("column.detail")], rows, words("product.history"))
