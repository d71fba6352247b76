"""Small charts inside tables: an interval on a shared scale, and bars of errors.

Places are percentages of the width of a cell, so that a strip fits any screen while
its dots stay round and its table stays a table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pricelm.evaluation.axes import Scale
from pricelm.evaluation.bootstrap import Estimate
from pricelm.evaluation.markup import Markup, Node, element
from pricelm.evaluation.wording import percent_text


def strip_scale(low: float, high: float) -> Scale:
    """Return a scale over the width of a strip, leaving room for the dots at its ends.

    Examples
    --------
    >>> strip_scale(0, 1).place(0.5)
    50.0
    """
    return Scale(low, high, 3.0, 97.0)


def strip(title: str, *parts: Node, height: int = 18) -> Markup:
    """Return a small chart with a title, which is also its tooltip.

    Examples
    --------
    >>> print(strip("tea"))
    <svg class="strip" role="img" height="18"><title>tea</title></svg>
    """
    return element("svg", element("title", title), *parts, class_="strip", role="img", height=height)


def interval_strip(estimate: Estimate, scale: Scale, title: str, *, mark: float, tone: str = "") -> Markup:
    """Draw a dot with its whisker against a line.

    Parameters
    ----------
    estimate : Estimate
        Dot and ends of the whisker.
    scale : Scale
        From :func:`strip_scale`, shared by all rows of a table.
    title : str
        What it says, for tooltips and screen readers.
    mark : float
        Where the line stands, for example the promised coverage.
    tone : str, default ""
        Class of the dot, such as ``"bad"``.
    """
    place = scale.place(mark)
    return strip(
        title,
        _vertical(place, "target", 0, 18),
        _horizontal(scale.place(estimate.lower), scale.place(estimate.upper), 9, f"whisker {tone}"),
        _circle(scale.place(estimate.value), 9, f"knot {tone}", 4),
    )


def scale_strip(scale: Scale, title: str) -> Markup:
    """Draw the percentages of a scale, for the heading above its strips.

    Examples
    --------
    >>> "80%" in scale_strip(strip_scale(0.7, 1.0), "Coverage")
    True
    """
    labels = [
        element(
            "text",
            percent_text(tick, 0),
            x=f"{scale.place(tick):.2f}%",
            y=13,
            class_="tick",
            text_anchor="middle",
        )
        for tick in scale.ticks(3)
    ]
    return strip(title, labels)


def bar_scale(high: float) -> Scale:
    """Return a scale from zero, for bars that start at the edge of their cell.

    Examples
    --------
    >>> bar_scale(2.0).place(0.0)
    0.0
    """
    return Scale(0.0, high, 0.0, 97.0)


def bar_strip(estimate: Estimate, scale: Scale, title: str, *, tone: str) -> Markup:
    """Draw a bar with a tip at the value; between the ends of its interval it is pale.

    Parameters
    ----------
    estimate : Estimate
        Length of the bar and its interval; a bar below the scale or without a value
        is empty.
    scale : Scale
        From :func:`bar_scale`, shared by all bars that are compared.
    title : str
        What it says.
    tone : str
        Class of the bar.
    """
    if not math.isfinite(estimate.value):
        return strip(title, height=16)
    tip = scale.place(estimate.value)
    if not math.isfinite(estimate.lower):
        return strip(title, _bar(0.0, tip, f"bar {tone}"), height=16)
    lower, upper = scale.place(estimate.lower), scale.place(estimate.upper)
    return strip(
        title,
        _bar(0.0, lower, f"bar {tone}"),
        _bar(lower, upper, f"bar unsure {tone}"),
        _vertical(tip, "tip", 1, 15),
        height=16,
    )


def price_strip(
    interval: tuple[float, float], predicted: float, comparables: Sequence[float], title: str
) -> Markup:
    """Draw a price with its interval among the prices of comparable listings, on a log scale.

    Parameters
    ----------
    interval : tuple of float
        Lower and upper end.
    predicted : float
        Predicted price.
    comparables : sequence of float
        Their prices.
    title : str
        What it says.
    """
    prices = [price for price in (*interval, predicted, *comparables) if price > 0]
    low, high = (min(prices) * 0.93, max(prices) * 1.07) if prices else (1.0, 2.0)
    scale = Scale(low, high, 1.0, 99.0, log=True)
    start, end = (scale.place(price) for price in interval)
    return strip(
        title,
        _horizontal(scale.place(low), scale.place(high), 14, "rail"),
        element("rect", x=f"{start:.2f}%", y=10, width=f"{end - start:.2f}%", height=8, rx=4, class_="range"),
        [_vertical(scale.place(price), "comparable", 5, 23) for price in comparables],
        _circle(scale.place(predicted), 14, "knot", 6),
        height=28,
    )


def effect_strip(effect: float, largest: float, title: str) -> Markup:
    """Draw what a word does to the price: to the right it raises it, to the left it lowers it.

    Examples
    --------
    >>> 'class="bar down"' in effect_strip(-2.0, 4.0, "old lowers it")
    True
    """
    scale = strip_scale(-largest, largest)
    zero, end = scale.place(0.0), scale.place(effect)
    tone = "up" if effect > 0 else "down"
    return strip(
        title,
        _bar(min(zero, end), max(zero, end), f"bar {tone}"),
        _vertical(zero, "axis", 0, 16),
        height=16,
    )


def _bar(start: float, end: float, class_: str) -> Markup:
    return element("rect", x=f"{start:.2f}%", y=3, width=f"{end - start:.2f}%", height=10, class_=class_)


def _vertical(x: float, class_: str, top: float, bottom: float) -> Markup:
    return element("line", x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1=top, y2=bottom, class_=class_)


def _horizontal(start: float, end: float, y: float, class_: str) -> Markup:
    return element("line", x1=f"{start:.2f}%", x2=f"{end:.2f}%", y1=y, y2=y, class_=class_.strip())


def _circle(x: float, y: float, class_: str, radius: float) -> Markup:
    return element("circle", cx=f"{x:.2f}%", cy=y, r=radius, class_=class_.strip())
