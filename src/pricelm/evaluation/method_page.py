"""The page of a comparison of methods: charts side by side and the table below, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pricelm.evaluation.markup import Markup, element, fragment, user_text
from pricelm.evaluation.method_chart import MethodPoint, mark, method_chart
from pricelm.evaluation.report import html_page
from pricelm.evaluation.tables import Column, data_table

# readable on light and dark cards alike, and apart for people who do not see red and green
_STYLE = """
.series-0 { fill: #2f6fe4; stroke: #2f6fe4; } .series-1 { fill: #d9730d; stroke: #d9730d; }
.series-2 { fill: #1f9e77; stroke: #1f9e77; } .series-3 { fill: #b0529c; stroke: #b0529c; }
.reach { stroke-width: 1.6; stroke-opacity: .5; }
.point-name { font-size: 11px; fill: var(--ink); }
.legend { display: flex; gap: 18px; align-items: center; margin-top: 12px; }
.legend svg { width: 14px; height: 14px; margin-right: 6px; vertical-align: -2px; }
"""


def method_page(
    title: str,
    about: str,
    panels: Mapping[str, Sequence[MethodPoint]],
    series: Sequence[str],
    table: tuple[Sequence[str], Sequence[Sequence[str]]],
) -> str:
    """Return a whole HTML document that loads nothing.

    Parameters
    ----------
    title, about : str
        What was compared, and on what.
    panels : mapping of str to sequence of MethodPoint
        Charts by their title; empty ones are left out.
    series : sequence of str
        Names of the series of the points.
    table : tuple
        Headings, and rows of cells.

    Examples
    --------
    >>> method_page("Methods", "", {}, ["minilm"], (["method"], [["lora"]])).startswith("<!doctype html>")
    True
    """
    everything = [point for points in panels.values() for point in points]
    charts = [
        element(
            "figure",
            element("h3", name),
            method_chart(f"panel-{number}", name, points, everything=everything),
        )
        for number, (name, points) in enumerate(panels.items())
        if points
    ]
    heads, rows = table
    columns = [Column(head, "" if number < 2 else "number") for number, head in enumerate(heads)]
    return html_page(
        title,
        element("header", element("h1", user_text(title)), element("p", user_text(about), class_="about")),
        element(
            "main",
            _legend(series),
            element("div", charts, class_="pair figures"),
            element("section", data_table("All numbers", columns, rows)),
        ),
        element("footer", element("p", "Made by pricelm. Intervals are 95% percentile bootstrap intervals.")),
        style=_STYLE,
    )


def _legend(series: Sequence[str]) -> Markup | None:
    if len(series) < 2:
        return None
    keys = [
        element(
            "span",
            element("svg", mark(number, 7.0, 7.0), viewBox="0 0 14 14", aria_hidden="true"),
            user_text(name),
        )
        for number, name in enumerate(series)
    ]
    return element("div", fragment(keys), class_="legend")
