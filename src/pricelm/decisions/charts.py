"""Charts of decisions as inline SVG: what a price earns and where it comes from, frontier, calendar, stock.

They know numbers and words, no plans and no rules, and take colors from the style sheet of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricelm.evaluation.axes import Scale, padded, short_number
from pricelm.evaluation.charts import BOTTOM, LEFT, RIGHT, TOP, axes_of, dot, line, svg
from pricelm.evaluation.markup import Markup, Node, element, fragment

_ROW, _NAMES = 24.0, 132.0
_MOST_ROWS, _MOST_LIMITS = 14, 4
_LETTERS = 16
_WIDE = 7.0


@dataclass(frozen=True, eq=False)
class PriceCurve:
    """What the prices of one product earn.

    Parameters
    ----------
    prices, worth : numpy.ndarray
        Ascending prices and what each earns a period, shape (n,).
    open : numpy.ndarray
        Whether a price keeps the rules and is sure enough, bool of shape (n,).
    low, high : float
        Ends of the prices that are nearly as good as the best.
    current, proposed : tuple of float
        Price, and what it earns.
    limits : sequence of tuple of float and str
        Prices at which rules end, with their names.
    """

    prices: np.ndarray
    worth: np.ndarray
    open: np.ndarray
    low: float
    high: float
    current: tuple[float, float]
    proposed: tuple[float, float]
    limits: Sequence[tuple[float, str]] = ()


def profit_chart(key: str, title: str, reading: str, curve: PriceCurve, currency: str = "") -> Markup:
    """Draw what each price earns, with the interval of good prices and the limits of rules.

    Parameters
    ----------
    key : str
        Identifier, unique in the page.
    title, reading : str
        For screen readers.
    curve : PriceCurve
        What is drawn; limits outside its prices are left out.
    currency : str, default ""
        ISO code for the axis.
    """
    ends = [*curve.prices, curve.current[0], curve.proposed[0]]
    x = Scale(*padded(np.array(ends), 0.04), LEFT, RIGHT)
    y = Scale(*padded(np.array([*curve.worth, curve.current[1], curve.proposed[1]]), 0.12), BOTTOM, TOP)
    low = x.place(curve.low)
    high = max(x.place(curve.high), low + 2.0)
    points = list(zip(curve.prices.tolist(), curve.worth.tolist(), strict=True))
    closed = [point for point, free in zip(points, curve.open, strict=True) if not free]
    return svg(
        key,
        title,
        reading,
        axes_of(x, y, f"price {currency}".strip(), "earned a period"),
        element("polygon", points=f"{low:.1f},{BOTTOM} {high:.1f},{BOTTOM} {high:.1f},{TOP} {low:.1f},{TOP}",
                class_="band"),
        line(points, x, y, "line held"),
        [dot(x.place(price), y.place(worth), "knot bad") for price, worth in closed],
        _limits(curve.limits, x),
        dot(x.place(curve.current[0]), y.place(curve.current[1]), "knot best", 5.0),
        dot(x.place(curve.proposed[0]), y.place(curve.proposed[1]), "knot", 5.0),
    )  # fmt: skip


def _limits(limits: Sequence[tuple[float, str]], x: Scale) -> list[Markup]:
    """Draw dashed lines where rules end; rules that end at one price share a line and a name."""
    inside: dict[float, list[str]] = {}
    for price, name in limits:
        if x.low < price < x.high:
            inside.setdefault(round(price, 4), []).append(name)
    drawn = []
    for number, (price, names) in enumerate(sorted(inside.items())[:_MOST_LIMITS]):
        place = x.place(price)
        right = place > (x.start + x.end) / 2
        drawn += [
            element("line", x1=place, y1=TOP, x2=place, y2=BOTTOM, class_="limit"),
            element(
                "text",
                shortened(", ".join(names)),
                x=place + (-4 if right else 4),
                y=BOTTOM - 8 - 14 * number,
                class_="limit-name",
                text_anchor="end" if right else "start",
            ),
        ]
    return drawn


def waterfall_chart(key: str, title: str, steps: Sequence[tuple[str, float]], currency: str = "") -> Markup:
    """Draw how a price comes about: the first step is where it starts, each other one moves it.

    Parameters
    ----------
    key, title : str
        Identifier and title.
    steps : sequence of tuple of str and float
        Cause and the price after it, at least two.
    currency : str, default ""
        ISO code for the axis.
    """
    prices = np.array([price for _, price in steps])
    names = 150.0
    x = Scale(*padded(prices, 0.12), names, RIGHT - 46)
    height = 30 + _ROW * (len(steps) + 1)
    parts: list[Node] = []
    rows = [*steps, ("proposed", steps[-1][1])]
    for number, (cause, price) in enumerate(rows):
        top = 26 + _ROW * number
        whole = number in (0, len(rows) - 1)
        before = price if whole else rows[number - 1][1]
        left, right = sorted((x.place(before), x.place(price)))
        tone = "mark" if whole else "mark up" if price > before else "mark down"
        text = f"{price:,.2f}" if whole else f"{price - before:+,.2f}"
        if whole:
            parts.append(dot(x.place(price), top + 8, "knot" if number else "knot best", 5.0))
        else:
            parts.append(element("rect", x=left, y=top, width=max(right - left, 1.5), height=16, class_=tone))
        parts.append(_row_name(cause, top + 12, names))
        parts.append(element("text", text, x=max(left, right) + 9, y=top + 12, class_="mark-name"))
        if number < len(rows) - 1:
            place = x.place(price)
            parts.append(element("line", x1=place, y1=top + 8, x2=place, y2=top + 8 + _ROW, class_="bridge"))
    said = "; ".join(f"{cause}: {price:,.2f}" for cause, price in rows)
    heading = element("text", f"price {currency}".strip(), x=4, y=14, class_="axis-title")
    return svg(key, title, said, heading, parts, height=int(height))


def frontier_chart(
    points: Sequence[tuple[float, float]], names: tuple[str, str], marked: Sequence[tuple[float, float, str]]
) -> Markup:
    """Draw efficient plans as a line, and single plans beside it.

    Parameters
    ----------
    points : sequence of tuple of float
        Across and up, in order.
    names : tuple of str
        What is across and up.
    marked : sequence of tuple
        Across, up and name of a plan; the first is drawn as a ring.
    """
    across = np.array([*(point[0] for point in points), *(one[0] for one in marked)])
    up = np.array([*(point[1] for point in points), *(one[1] for one in marked)])
    x = Scale(*padded(across, 0.1), LEFT, RIGHT)
    y = Scale(*padded(up, 0.12), BOTTOM, TOP)
    dots = []
    for number, (left, top, name) in enumerate(marked):
        place = x.place(left)
        anchor = "end" if place > (LEFT + RIGHT) / 2 else "start"
        shift = -9 if anchor == "end" else 9
        dots += [
            dot(place, y.place(top), "knot" if number else "knot best", 5.0),
            element(
                "text", name, x=place + shift, y=y.place(top) + 15, class_="mark-name", text_anchor=anchor
            ),
        ]
    return svg(
        "frontier",
        f"{names[1]} against {names[0]}",
        f"{len(points)} efficient plans; the ring is {marked[0][2]}.",
        axes_of(x, y, f"{names[0]} a period", f"{names[1]} a period"),
        line(list(points), x, y, "line held"),
        [dot(x.place(left), y.place(top), "knot") for left, top in points],
        dots,
    )


@dataclass(frozen=True)
class Run:
    """One campaign of a calendar.

    Parameters
    ----------
    name : str
        The product.
    start, length : int
        First week, from 0, and weeks.
    label : str
        Written into its bar, for example what it gains.
    """

    name: str
    start: int
    length: int
    label: str = ""


def calendar_chart(runs: Sequence[Run], weeks: Sequence[str]) -> Markup:
    """Draw campaigns as bars: a row a product, a column a week; at most 14 products.

    Parameters
    ----------
    runs : sequence of Run
        The campaigns.
    weeks : sequence of str
        Date of each week; as many of them are written as there is room for.
    """
    names = list(dict.fromkeys(run.name for run in sorted(runs, key=lambda one: (one.start, one.name))))
    names = names[:_MOST_ROWS]
    width = (RIGHT - _NAMES) / max(len(weeks), 1)
    bottom = 30 + _ROW * len(names)
    every = max(1, int(np.ceil(40.0 / width)))
    parts: list[Node] = []
    for number, week in enumerate(weeks):
        place = _NAMES + width * number
        parts.append(element("line", x1=place, y1=24, x2=place, y2=bottom, class_="grid"))
        if number % every == 0:
            parts.append(element("text", week[5:], x=place, y=16, class_="tick"))
    for number, name in enumerate(names):
        parts.append(_row_name(name, 30 + _ROW * number + 12, _NAMES))
    for run in runs:
        if run.name in names:
            top = 30 + _ROW * names.index(run.name)
            left, span = _NAMES + width * run.start, width * run.length
            parts.append(element("rect", x=left + 1, y=top, width=span - 2, height=17, rx=3, class_="mark"))
            past = left + span + 5 + _WIDE * len(run.label) > RIGHT
            at, anchor = (left - 4, "end") if past else (left + span + 4, "start")
            label = element("text", run.label, x=at, y=top + 12, class_="mark-name", text_anchor=anchor)
            parts.append(label)
    said = "; ".join(f"{run.name} in the week of {weeks[run.start]}" for run in runs)
    return svg("calendar", "Calendar of the next campaigns", said, parts, height=int(bottom + 8))


def stock_path_chart(key: str, title: str, path: Sequence[tuple[str, float, float]]) -> Markup:
    """Draw expected stock week by week as bars, with the price written where it changes.

    Parameters
    ----------
    key, title : str
        Identifier and title.
    path : sequence of tuple of str, float and float
        Week, price and stock left at its end.
    """
    y = Scale(0.0, max(max(left for _, _, left in path), 1.0) * 1.18, BOTTOM, TOP)
    width = (RIGHT - LEFT) / len(path)
    every = max(1, int(np.ceil(40.0 / width)))
    parts: list[Node] = []
    before = None
    for number, (week, price, left) in enumerate(path):
        place, top = LEFT + width * number, y.place(left)
        parts.append(
            element("rect", x=place + 2, y=top, width=width - 4, height=BOTTOM - top, class_="mark stock")
        )
        if number % every == 0:
            parts.append(element("text", week[5:], x=place + 2, y=BOTTOM + 16, class_="tick"))
        if price != before:
            parts.append(element("text", f"{price:,.2f}", x=place + 2, y=top - 5, class_="mark-name"))
        before = price
    said = "; ".join(f"{week}: {price:,.2f}, {left:,.0f} left" for week, price, left in path)
    ticks = [
        fragment(
            element("line", x1=LEFT, y1=y.place(tick), x2=RIGHT, y2=y.place(tick), class_="grid"),
            element(
                "text", short_number(tick), x=LEFT - 7, y=y.place(tick) + 4, class_="tick", text_anchor="end"
            ),
        )
        for tick in y.ticks()
    ]
    heading = element(
        "text", "expected stock at the end of the week, and its price", x=4, y=14, class_="axis-title"
    )
    return svg(key, title, said, ticks, heading, parts)


def cover_chart(rows: Sequence[tuple[str, float, str, bool]], unit: str = "days") -> Markup:
    """Draw how long stocks last as bars, at most 14; what has to be ordered now stands out.

    Parameters
    ----------
    rows : sequence of tuple of str, float, str and bool
        Product, time until its stock is sold, what to write behind the bar, and whether to order now.
    unit : str, default "days"
        Unit of the time.
    """
    shown = list(rows)[:_MOST_ROWS]
    x = Scale(0.0, max(max(cover for _, cover, _, _ in shown), 1.0) * 1.02, _NAMES, RIGHT - 76)
    bottom = 26 + _ROW * len(shown)
    parts: list[Node] = [
        fragment(
            element("line", x1=x.place(tick), y1=22, x2=x.place(tick), y2=bottom, class_="grid"),
            element("text", f"{tick:g}", x=x.place(tick), y=16, class_="tick", text_anchor="middle"),
        )
        for tick in x.ticks(4)
    ]
    for number, (name, cover, label, urgent) in enumerate(shown):
        top = 28 + _ROW * number
        width = max(x.place(cover) - x.start, 1.5)
        tone = "mark down" if urgent else "mark"
        parts.append(_row_name(name, top + 12, _NAMES))
        parts.append(element("rect", x=x.start, y=top, width=width, height=16, class_=tone))
        parts.append(element("text", label, x=x.start + width + 6, y=top + 12, class_="mark-name"))
    said = "; ".join(f"{name}: {cover:,.0f} {unit}, {label}" for name, cover, label, _ in shown)
    heading = element("text", unit, x=4, y=16, class_="axis-title")
    return svg("cover", "How long stocks last", said, heading, parts, height=int(bottom + 8))


def figure(heading: Node, chart: Markup, caption: Node) -> Markup:
    """Return a chart with its heading above and its reading below."""
    return element("figure", element("h3", heading), chart, element("figcaption", caption))


def shortened(name: str, letters: int = _LETTERS) -> str:
    """Cut a name to what fits beside a chart; its end stays, which often tells sizes apart.

    Examples
    --------
    >>> shortened("a very long product name"), shortened("tea")
    ('a very lon… name', 'tea')
    """
    tail = letters // 3
    return name if len(name) <= letters else f"{name[: letters - 1 - tail]}…{name[-tail:]}"


def _row_name(name: str, y: float, width: float) -> Markup:
    letters = int(width / _WIDE)
    return element("text", element("title", name), shortened(name, letters), x=4, y=y, class_="row-name")
