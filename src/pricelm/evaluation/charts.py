"""Charts as inline SVG: learning curve, predicted against actual, promised against observed.

Colors come from the page's style sheet by class name, so that one chart serves light,
dark and print. Widths are those of a phone; a chart is scaled, its text stays readable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from pricelm.evaluation.axes import Scale, padded, short_number
from pricelm.evaluation.markup import Markup, Node, element, fragment
from pricelm.evaluation.metrics import inside
from pricelm.evaluation.report_data import LearningPoint
from pricelm.evaluation.wording import percent_text

MAX_POINTS = 2000
_WIDTH, _HEIGHT = 400, 300
LEFT, RIGHT, TOP, BOTTOM = 44.0, 380.0, 30.0, 258.0
# points are dealt onto layers: overlaps within one path do not add up, those of several do
_LAYERS = 8
_BAND_BINS = 16
_MAX_LINE_POINTS = 80


def svg(key: str, title: str, description: str, *parts: Node, height: int = _HEIGHT) -> Markup:
    """Return a chart with the title and description that screen readers need.

    Parameters
    ----------
    key : str
        Identifier, unique in the page.
    title, description : str
        What the chart is, and what can be seen in it.
    *parts : Node
        SVG elements in a box of 400 x ``height`` units.
    height : int, default 300
        Height of the box.

    Examples
    --------
    >>> svg("k", "Title", "What it shows").startswith('<svg class="chart" viewBox="0 0 400 300" role="img"')
    True
    """
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *parts,
        class_="chart",
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def agreement_chart(predictions: pd.DataFrame, level: float, seed: int = 0) -> Markup:
    """Draw actual over predicted prices with the diagonal and the typical interval.

    Parameters
    ----------
    predictions : pandas.DataFrame
        ``actual, predicted, lower, upper``; at most 2000 rows, drawn at random, are shown.
    level : float
        What the intervals promise.
    seed : int, default 0
        Of the random draw.

    Returns
    -------
    Markup
        An ``svg`` element.
    """
    held = inside(predictions["actual"], predictions["lower"], predictions["upper"])
    chosen = np.arange(len(predictions))
    if chosen.size > MAX_POINTS:
        chosen = np.random.default_rng(seed).choice(chosen, MAX_POINTS, replace=False)
    actual, predicted = (predictions[name].to_numpy()[chosen] for name in ("actual", "predicted"))
    positive = np.concatenate([actual, predicted])
    low, high = padded(positive[positive > 0], 0.03, log=True)
    x = Scale(low, high, LEFT, RIGHT, log=True)
    y = Scale(low, high, BOTTOM, TOP, log=True)
    shown, band = held[chosen], _interval_band(predictions, x, y)
    return svg(
        "agreement",
        "Actual against predicted price",
        f"Each of {chosen.size:,} dots is a test listing on logarithmic axes; {percent_text(held.mean())} of "
        f"all lie inside their own {percent_text(level, 0)} interval. Dots on the diagonal are exact.",
        axes_of(x, y, "predicted price", "actual price"),
        element("polygon", points=band, class_="band") if band else None,
        element("line", x1=LEFT, y1=BOTTOM, x2=RIGHT, y2=TOP, class_="diagonal"),
        _dots(x.places(predicted[shown]), y.places(actual[shown]), "dots"),
        _dots(x.places(predicted[~shown]), y.places(actual[~shown]), "dots outside"),
        element("polygon", points=band, class_="band-edge") if band else None,
    )


def learning_chart(points: Sequence[LearningPoint]) -> Markup:
    """Draw training and held-out loss by step.

    Parameters
    ----------
    points : sequence of LearningPoint
        At least one with a loss.

    Returns
    -------
    Markup
        An ``svg`` element.
    """
    train = _thinned([(p.step, p.train_loss) for p in points if p.train_loss is not None])
    held = [(p.step, p.held_out_loss) for p in points if p.held_out_loss is not None]
    steps, losses = np.array([*train, *held], dtype=np.float64).T
    x = Scale(min(0.0, steps.min()), max(steps.max(), 1.0), LEFT, RIGHT - 60)
    y = Scale(*padded(losses, 0.06), BOTTOM, TOP)
    best = min(held, key=lambda point: point[1]) if held else None
    story = f"Training loss ends at {train[-1][1]:.3f}. " if train else ""
    if best is not None:
        story += f"Held-out loss is lowest at step {best[0]:,}, {best[1]:.3f}."
    return svg(
        "learning",
        "Learning curve of the language member",
        story,
        axes_of(x, y, "step", "loss"),
        line(train, x, y, "line train"),
        line(held, x, y, "line held"),
        [dot(x.place(step), y.place(loss), "knot") for step, loss in held],
        dot(x.place(best[0]), y.place(best[1]), "knot best", 5.0) if best else None,
        _end_labels([("training", "train", train), ("held out", "held", held)], x, y),
    )


def calibration_chart(curve: pd.DataFrame) -> Markup:
    """Draw observed over promised coverage, with exact 95 % intervals.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``level, coverage, coverage_lower, coverage_upper``.

    Returns
    -------
    Markup
        An ``svg`` element.
    """
    low = min(float(curve["level"].min()), float(curve["coverage_lower"].min())) - 0.04
    x, y = Scale(low, 1.0, LEFT, RIGHT), Scale(low, 1.0, BOTTOM, TOP)
    marks: list[Markup] = []
    pairs = []
    for row in curve.to_dict("records"):
        place = x.place(row["level"])
        ends = y.place(row["coverage_lower"]), y.place(row["coverage_upper"])
        marks.append(element("line", x1=place, y1=ends[0], x2=place, y2=ends[1], class_="whisker"))
        marks.append(dot(place, y.place(row["coverage"]), "knot", 4.5))
        pairs.append(f"{percent_text(row['level'], 0)}: {percent_text(row['coverage'])}")
    return svg(
        "calibration",
        "Promised against observed coverage",
        f"Share of test prices inside intervals of each level. Promised: observed. {'; '.join(pairs)}.",
        axes_of(x, y, "promised", "observed", lambda value: percent_text(value, 0)),
        element("line", x1=LEFT, y1=BOTTOM, x2=RIGHT, y2=TOP, class_="diagonal"),
        marks,
    )


def axes_of(
    x: Scale, y: Scale, x_title: str, y_title: str, label: Callable[[float], str] = short_number
) -> Markup:
    """Return axes with their grid, ticks and titles."""
    x_ticks = [
        fragment(
            element("line", x1=x.place(tick), y1=TOP, x2=x.place(tick), y2=BOTTOM, class_="grid"),
            element("text", label(tick), x=x.place(tick), y=BOTTOM + 16, class_="tick", text_anchor="middle"),
        )
        for tick in x.ticks()
    ]
    y_ticks = [
        fragment(
            element("line", x1=x.start, y1=y.place(tick), x2=x.end, y2=y.place(tick), class_="grid"),
            element("text", label(tick), x=LEFT - 7, y=y.place(tick) + 4, class_="tick", text_anchor="end"),
        )
        for tick in y.ticks()
    ]
    return fragment(
        x_ticks,
        y_ticks,
        element("line", x1=x.start, y1=BOTTOM, x2=x.end, y2=BOTTOM, class_="axis"),
        element("text", x_title, x=x.end, y=BOTTOM + 34, class_="axis-title", text_anchor="end"),
        element("text", y_title, x=4, y=14, class_="axis-title"),
    )


def dot(x: float, y: float, class_: str, radius: float = 3.2) -> Markup:
    """Return a dot."""
    return element("circle", cx=x, cy=y, r=radius, class_=class_)


def _dots(x: np.ndarray, y: np.ndarray, class_: str) -> list[Markup]:
    places = [f"M{left:.1f} {top:.1f}h0" for left, top in zip(x, y, strict=True)]
    layers = [places[first::_LAYERS] for first in range(_LAYERS)]
    return [element("path", d="".join(layer), class_=class_) for layer in layers if layer]


def _interval_band(predictions: pd.DataFrame, x: Scale, y: Scale) -> str:
    """Corners of the outline of median interval ends by predicted price; empty for few listings."""
    ordered = predictions.sort_values("predicted")
    bins = np.array_split(np.arange(len(ordered)), min(_BAND_BINS, max(1, len(ordered) // 20)))
    if len(bins) < 2:
        return ""
    middle = np.array([ordered.iloc[rows][["predicted", "lower", "upper"]].median() for rows in bins])
    predicted, lower, upper = middle.T
    across = x.places(np.concatenate([predicted, predicted[::-1]]))
    up = y.places(np.concatenate([upper, lower[::-1]]))
    return " ".join(f"{left:.1f},{top:.1f}" for left, top in zip(across, up, strict=True))


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Average neighbors until a noisy log is a line that can be read."""
    if len(points) <= _MAX_LINE_POINTS:
        return points
    parts = np.array_split(np.array(points, dtype=np.float64), _MAX_LINE_POINTS)
    return [(int(part[-1, 0]), float(part[:, 1].mean())) for part in parts]


def line(points: Sequence[tuple[float, float]], x: Scale, y: Scale, class_: str) -> Markup | None:
    """Return a line through points; None without any."""
    if not points:
        return None
    corners = " ".join(f"{x.place(step):.1f},{y.place(loss):.1f}" for step, loss in points)
    return element("polyline", points=corners, class_=class_)


def _end_labels(
    lines: list[tuple[str, str, Sequence[tuple[int, float]]]], x: Scale, y: Scale
) -> list[Markup]:
    """Name each line where it ends, pushed apart so that the names never overlap."""
    ends = sorted((y.place(points[-1][1]), name, class_) for name, class_, points in lines if points)
    labels, lowest = [], -np.inf
    for place, name, class_ in ends:
        lowest = max(place, lowest + 13)
        labels.append(element("text", name, x=x.end + 8, y=lowest + 4, class_=f"line-name {class_}"))
    return labels
