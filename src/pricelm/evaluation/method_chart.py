"""A chart of methods that compete: the error of each, with its interval, against what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pricelm.evaluation.axes import Scale, padded
from pricelm.evaluation.bootstrap import Estimate
from pricelm.evaluation.charts import BOTTOM, LEFT, RIGHT, TOP, axes_of, svg
from pricelm.evaluation.markup import Markup, Node, element

_SHAPES = 4
_LABEL_HEIGHT, _LABEL_GAP, _LETTER_WIDTH = 11.0, 8.0, 5.6


@dataclass(frozen=True)
class MethodPoint:
    """One method on the chart.

    Parameters
    ----------
    name : str
        Shown beside its mark.
    series : int
        Number of its color and shape, from 0.
    cost : float
        Position on the logarithmic axis, above 0.
    error : Estimate
        Height of the mark and ends of its line.
    """

    name: str
    series: int
    cost: float
    error: Estimate


def method_chart(
    key: str,
    title: str,
    points: Sequence[MethodPoint],
    *,
    everything: Sequence[MethodPoint] = (),
    cost_title: str = "trained parameters",
    error_title: str = "RMSLE (lower is better)",
) -> Markup:
    """Draw error over cost, a mark a method.

    Parameters
    ----------
    key : str
        Identifier, unique in the page.
    title : str
        What the chart is.
    points : sequence of MethodPoint
        At least one.
    everything : sequence of MethodPoint, optional
        Points of all charts that stand side by side, so that they share their axes.
    cost_title, error_title : str
        Titles of the axes.

    Returns
    -------
    Markup
        An ``svg`` element.

    Examples
    --------
    >>> lora = MethodPoint("lora", 0, 3e5, Estimate(0.5, 0.48, 0.52))
    >>> "lora" in method_chart("c", "Methods", [lora])
    True
    """
    shown = [*points, *everything]
    ends = np.array([value for point in shown for value in point.error if math.isfinite(value)])
    x = Scale(*padded(np.array([point.cost for point in shown]), 0.12, log=True), LEFT, RIGHT, log=True)
    y = Scale(*padded(ends, 0.08), BOTTOM, TOP)
    best = min(points, key=lambda point: point.error.value)
    story = "; ".join(f"{point.name} {point.error.value:.3f}" for point in points)
    return svg(
        key,
        title,
        f"Error of each method against its {cost_title}: {story}. The lowest is that of {best.name}.",
        axes_of(x, y, cost_title, error_title),
        [_whisker(point, x, y) for point in points],
        [mark(point.series, x.place(point.cost), y.place(point.error.value)) for point in points],
        _labels(points, x, y),
    )


def mark(series: int, x: float, y: float, size: float = 4.5) -> Markup:
    """Return the mark of a series: color and shape both tell it, for those who see no color.

    Examples
    --------
    >>> mark(1, 10.0, 20.0).startswith('<rect')
    True
    """
    class_ = f"series-{series % _SHAPES}"
    shape = series % _SHAPES
    if shape == 0:
        return element("circle", cx=x, cy=y, r=size, class_=class_)
    if shape == 1:
        return element(
            "rect", x=x - 0.9 * size, y=y - 0.9 * size, width=1.8 * size, height=1.8 * size, class_=class_
        )
    corners = {2: ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)), 3: ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))}[shape]
    text = " ".join(f"{x + across * size:.1f},{y + down * size:.1f}" for across, down in corners)
    return element("polygon", points=text, class_=class_)


def _whisker(point: MethodPoint, x: Scale, y: Scale) -> Node:
    if not (math.isfinite(point.error.lower) and math.isfinite(point.error.upper)):
        return None
    place = x.place(point.cost)
    class_ = f"reach series-{point.series % _SHAPES}"
    lower, upper = y.place(point.error.lower), y.place(point.error.upper)
    return element("line", x1=place, y1=lower, x2=place, y2=upper, class_=class_)


def _labels(points: Sequence[MethodPoint], x: Scale, y: Scale) -> list[Markup]:
    """Name each mark beside it, on the side with more room, pushed apart where names would overlap."""
    middle = (x.start + x.end) / 2
    boxes: list[tuple[float, float, float]] = []
    labels = []
    for point in sorted(points, key=lambda point: y.place(point.error.value)):
        place, width = x.place(point.cost), _LETTER_WIDTH * len(point.name)
        to_the_left = place > middle
        start = place - _LABEL_GAP - width if to_the_left else place + _LABEL_GAP
        down = _free(y.place(point.error.value), start, width, boxes)
        boxes.append((start, start + width, down))
        labels.append(
            element(
                "text",
                point.name,
                x=place - _LABEL_GAP if to_the_left else place + _LABEL_GAP,
                y=down + 4,
                text_anchor="end" if to_the_left else None,
                class_="point-name",
            )
        )
    return labels


def _free(wanted: float, start: float, width: float, boxes: Sequence[tuple[float, float, float]]) -> float:
    """Return the nearest height at or below the wanted one at which no other name stands."""
    near = sorted(down for left, right, down in boxes if left < start + width and start < right)
    down = wanted
    for taken, _ in pairwise([*near, math.inf]):
        if abs(down - taken) < _LABEL_HEIGHT:
            down = taken + _LABEL_HEIGHT
    return down
