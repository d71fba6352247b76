"""Results as people read them in a terminal: the table of errors, coverage, a quote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from pricelm.core.nouns import Quote

_CELL = re.compile(r"(?P<value>.*?) \((?P<between>.*)\)")
_BEST = "blend"
_VERDICT = 5
_WIDE_ENOUGH = 90
_MOST_WORDS = 6
_VERDICT_STYLES = {"better": "green", "worse": "red"}


def metrics_table(rows: Sequence[Mapping[str, str]], width: int) -> Table:
    """Draw the table of an evaluation: a row a predictor, intervals below the values.

    Where fewer than 90 columns are there, the last one, which compares with the blend, is left out.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    names = list(rows[0])[: None if width >= _WIDE_ENOUGH else -1]
    for number, name in enumerate(names):
        text = number in (0, _VERDICT)
        table.add_column(name, justify="left" if text else "right", no_wrap=number > 0)
    for row in rows:
        style = "bold" if row[names[0]] == _BEST else ""
        table.add_row(*(_cell(row[name]) for name in names), style=style)
    return table


def _cell(text: str) -> Text:
    found = _CELL.fullmatch(text)
    if not found:
        return Text(text, style=_VERDICT_STYLES.get(text, ""))
    between = found["between"]
    if "−" not in between:
        between = between.replace(" to ", "–")
    return Text.assemble(found["value"], "\n", (between, "dim not bold"))


def coverage_line(evaluation: Mapping[str, Any]) -> Text:
    """Say how often the intervals held, from ``Evaluation.to_dict()``."""
    value, lower, upper = evaluation["coverage"]
    between = "" if lower is None or upper is None else f" ({lower:.1%} to {upper:.1%})"
    return Text.assemble(
        f"{evaluation['confidence_level']:.0%} intervals held ",
        (f"{value:.1%}", "bold"),
        f"{between} of {evaluation['n_rows']:,} test prices; ",
        f"a typical one is {evaluation['median_relative_width']:.0%} of the price wide.",
    )


def evaluation_view(
    evaluation: Mapping[str, Any], rows: Sequence[Mapping[str, str]], width: int
) -> RenderableType:
    """Draw an evaluation: what was measured, the table, and how often the intervals held."""
    title = Text.assemble(
        ("How far off are the prices? ", "bold"),
        (f"{evaluation['n_rows']:,} listings that no model has seen, 95% intervals below", "dim"),
    )
    return Group(
        title, metrics_table(rows, width), coverage_line(evaluation), Text(evaluation["advice"], style="dim")
    )


def quote_view(title: str, quote: Quote) -> RenderableType:
    """Draw a quote: price, interval, words, comparables, and what the members say."""
    from pricelm.evaluation.wording import price_text, signed_price_text

    estimate = quote.estimate
    currency, interval = estimate.currency, estimate.interval
    head = Text.assemble((title, "bold"))
    span = f"{price_text(interval.lower, currency)} to {price_text(interval.upper, currency)}"
    price = Text.assemble(
        (price_text(estimate.predicted_price, currency), "bold green"),
        f"   {interval.confidence_level:.0%} sure: {span}",
    )
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    if estimate.abstained:
        facts.add_row("review", Text(estimate.reason, style="yellow"))
    words = [
        Text.assemble(
            f"{one.word} ",
            (signed_price_text(one.effect, currency), _sign_style(one.effect)),
        )
        for one in quote.word_effects[:_MOST_WORDS]
    ]
    if words:
        facts.add_row("words", Columns(words, padding=(0, 3, 0, 0)))
    if quote.comparables:
        known = Table.grid(padding=(0, 2))
        known.add_column(justify="right", style="bold", no_wrap=True)
        for one in quote.comparables:
            known.add_row(price_text(one.price, currency), Text(one.title))
        facts.add_row("like", known)
    if quote.member_prices:
        own = [f"{name} {price_text(one, currency)}" for name, one in quote.member_prices.items()]
        facts.add_row("members", ", ".join(own))
    return Group(head, Padding(Group(price, facts), (0, 0, 0, 2)))


def _sign_style(effect: float) -> str:
    return "green" if effect > 0 else "red" if effect < 0 else "dim"


def places_view(places: Mapping[str, str | Path | None], following: Sequence[str] = ()) -> RenderableType:
    """Draw where things are and what to try next."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, place in places.items():
        if place is not None:
            grid.add_row(name, Text(str(place)))
    for number, command in enumerate(following):
        grid.add_row("" if number else "next", Text(command, style="cyan"))
    return grid


def counts_line(counts: Mapping[str, int]) -> Text:
    """Say how many rows were rejected and why."""
    reasons = "; ".join(f"{count:,} {reason}" for reason, count in counts.items())
    return Text.assemble((f"{sum(counts.values()):,} rows rejected: ", "yellow"), reasons)
