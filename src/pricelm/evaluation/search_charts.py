"""Charts of a search, in the style of the report: how the best value fell, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pricelm.evaluation.axes import Scale, padded
from pricelm.evaluation.charts import BOTTOM, LEFT, RIGHT, TOP, axes_of, dot, line, svg
from pricelm.evaluation.markup import Markup, element
from pricelm.evaluation.wording import percent_text

_ROW_HEIGHT = 24
_NAMES_WIDTH = 150.0


def history_chart(points: Sequence[tuple[int, float, float]]) -> Markup:
    """Draw the value of each trial and the best so far.

    Parameters
    ----------
    points : sequence of (int, float, float)
        Number, value and best value so far of each complete trial; at least one.

    Returns
    -------
    Markup
        An ``svg`` element.

    Examples
    --------
    >>> "fell from 0.6000 to 0.5000" in history_chart([(0, 0.6, 0.6), (1, 0.7, 0.6), (2, 0.5, 0.5)])
    True
    """
    numbers, values, best = np.array(points, dtype=np.float64).T
    x = Scale(0.0, max(float(numbers.max()), 1.0), LEFT, RIGHT)
    # One trial that went wrong must not press all others into a line.
    worst = float(np.quantile(values, 0.9)) if len(values) > 4 else float(values.max())
    y = Scale(*padded(np.append(values[values <= worst], best[0]), 0.08), BOTTOM, TOP)
    found = int(np.argmin(values))
    steps = [(int(n), float(b)) for n, b in zip(numbers, best, strict=True)]
    corners = [step for pair in zip(steps[1:], steps, strict=False) for step in _stair(*pair)]
    return svg(
        "history",
        "Validation error by trial",
        f"The best validation RMSE of the log price fell from {values[0]:.4f} to {values[found]:.4f}, "
        f"reached in trial {int(numbers[found])}.",
        axes_of(x, y, "trial", "validation RMSE of the log price"),
        line([steps[0], *corners], x, y, "line held"),
        [dot(x.place(n), y.place(v), "knot") for n, v in zip(numbers, values, strict=True)],
        dot(x.place(numbers[found]), y.place(values[found]), "knot best", 5.0),
    )


def _stair(later: tuple[int, float], earlier: tuple[int, float]) -> list[tuple[int, float]]:
    return [(later[0], earlier[1]), later]


def importance_chart(shares: Mapping[str, float]) -> Markup:
    """Draw how much each setting mattered.

    Parameters
    ----------
    shares : mapping of str to float
        Setting to share, in the order in which they are drawn; at least one.

    Returns
    -------
    Markup
        An ``svg`` element.

    Examples
    --------
    >>> "epochs 25.0%" in importance_chart({"learning_rate": 0.75, "epochs": 0.25})
    True
    """
    height = _ROW_HEIGHT * len(shares) + 12
    x = Scale(0.0, max(max(shares.values()), 0.01), _NAMES_WIDTH, RIGHT - 44)
    rows = []
    for row, (name, share) in enumerate(shares.items()):
        middle = 6 + _ROW_HEIGHT * (row + 0.5)
        end = x.place(share)
        rows += [
            element("text", _plain(name), x=_NAMES_WIDTH - 8, y=middle + 4, class_="tick", text_anchor="end"),
            element(
                "rect", x=x.start, y=middle - 8, width=max(end - x.start, 0.5), height=16, class_="bar blend"
            ),
            element("text", percent_text(share), x=end + 6, y=middle + 4, class_="tick"),
        ]
    story = ", ".join(f"{_plain(name)} {percent_text(share)}" for name, share in shares.items())
    return svg("importance", "What mattered", f"Share of each setting: {story}.", rows, height=height)


def _plain(name: str) -> str:
    return name.replace("_", " ")
