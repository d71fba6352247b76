"""Charts as options of ECharts: profit against price, steps, sales, effects of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pricelm.services.product_view import PricePoint
from pricelm.web.console.words import Words

_BLUE, _GREEN, _RED, _AMBER, _GRAY = "#2f7fd1", "#2a9461", "#cc4b4f", "#c98a1b", "#8593a1"
_TEXT = {"color": _GRAY, "fontSize": 12}
_LINES = {"lineStyle": {"color": "rgba(133,147,161,.25)"}}


def profit_chart(
    curve: Sequence[PricePoint],
    ranges: Sequence[tuple[float, float]],
    marks: Sequence[tuple[str, float]],
    words: Words,
) -> dict[str, Any]:
    """Return profit against price with its interval, the prices that rules allow, and named prices."""
    low = [[point.price, point.profit_low] for point in curve]
    width = [[point.price, point.profit_high - point.profit_low] for point in curve]
    band = {"type": "line", "stack": "band", "symbol": "none", "lineStyle": {"opacity": 0}, "silent": True}
    lines = [
        {"xAxis": price, "label": {"formatter": name, "distance": [4, 4 + 16 * (place % 3)]}}
        for place, (name, price) in enumerate(marks)
    ]
    return _base() | {
        "grid": {
            "left": 12,
            "right": 24,
            "top": 28 + 16 * min(len(marks), 3),
            "bottom": 34,
            "containLabel": True,
        },
        "xAxis": _axis(words("column.price_at"), "value")
        | {"scale": True, "nameLocation": "middle", "nameGap": 28},
        "yAxis": _axis(words("product.profit"), "value") | {"scale": True},
        "series": [
            {**band, "name": words("product.interval"), "data": low},
            {
                **band,
                "name": words("product.interval"),
                "data": width,
                "areaStyle": {"color": _BLUE, "opacity": 0.14},
            },
            {
                "type": "line",
                "name": words("product.profit"),
                "data": [[point.price, point.profit] for point in curve],
                "symbol": "none",
                "lineStyle": {"width": 2.5, "color": _BLUE},
                "itemStyle": {"color": _BLUE},
                "markLine": {
                    "symbol": "none",
                    "label": _TEXT,
                    "lineStyle": {"color": _AMBER, "type": "dashed"},
                    "data": lines,
                },
                "markArea": {
                    "itemStyle": {"color": _GREEN, "opacity": 0.1},
                    "data": [[{"xAxis": start}, {"xAxis": end}] for start, end in ranges],
                },
            },
        ],
    }


def steps_chart(steps: Sequence[tuple[str, float]], words: Words) -> dict[str, Any]:
    """Return a waterfall: first and last stand on the ground, the others hang between."""
    names = [words.or_as_it_is(f"steps.{name}", name) for name, _ in steps]
    ground, up, down, whole = [], [], [], []
    level = 0.0
    for place, (_, value) in enumerate(steps):
        is_end = place in (0, len(steps) - 1)
        ground.append(0.0 if is_end else min(level, level + value))
        whole.append(value if is_end else None)
        up.append(value if not is_end and value >= 0 else None)
        down.append(-value if not is_end and value < 0 else None)
        level = value if is_end else level + value
    bar = {"type": "bar", "stack": "steps", "barWidth": "55%"}
    return _base() | {
        "xAxis": _axis("", "category") | {"data": names, "axisLabel": {**_TEXT, "interval": 0}},
        "yAxis": _axis(words("product.profit"), "value"),
        "series": [
            {**bar, "data": ground, "itemStyle": {"opacity": 0}, "silent": True, "tooltip": {"show": False}},
            {**bar, "data": whole, "itemStyle": {"color": _BLUE}, "name": words("product.profit")},
            {**bar, "data": up, "itemStyle": {"color": _GREEN}, "name": words("steps.more")},
            {**bar, "data": down, "itemStyle": {"color": _RED}, "name": words("steps.less")},
        ],
    }


def sales_chart(weeks: Sequence[tuple[str, float, float]], words: Words) -> dict[str, Any]:
    """Return units and price by week."""
    return _base() | {
        "legend": {"top": 0, "textStyle": _TEXT},
        "xAxis": _axis("", "category") | {"data": [week for week, _, _ in weeks]},
        "yAxis": [
            _axis(words("column.units"), "value"),
            _axis(words("column.price_at"), "value") | {"scale": True, "splitLine": {"show": False}},
        ],
        "series": [
            {
                "type": "bar",
                "name": words("column.units"),
                "data": [units for _, _, units in weeks],
                "itemStyle": {"color": _GRAY, "opacity": 0.55},
            },
            {
                "type": "line",
                "name": words("column.price_at"),
                "yAxisIndex": 1,
                "data": [round(price, 2) for _, price, _ in weeks],
                "symbol": "none",
                "step": "middle",
                "lineStyle": {"color": _BLUE},
                "itemStyle": {"color": _BLUE},
            },
        ],
    }


def effects_chart(effects: Sequence[tuple[str, float]], words: Words) -> dict[str, Any]:
    """Return what each word does to the price, the strongest on top."""
    ordered = list(reversed(effects))
    return _base() | {
        "grid": {"left": 8, "right": 24, "top": 8, "bottom": 8, "containLabel": True},
        "xAxis": _axis("", "value"),
        "yAxis": {"type": "category", "data": [word for word, _ in ordered], "axisLabel": _TEXT},
        "series": [
            {
                "type": "bar",
                "name": words("quote.effect"),
                "data": [
                    {"value": round(effect, 2), "itemStyle": {"color": _GREEN if effect > 0 else _RED}}
                    for _, effect in ordered
                ],
            }
        ],
    }


def frontier_chart(points: Sequence[tuple[float, float]], chosen: float, words: Words) -> dict[str, Any]:
    """Return what budgets earn, with the chosen one marked."""
    mark = {"xAxis": chosen, "label": {"formatter": words("promotions.budget"), **_TEXT}}
    return _base() | {
        "grid": {"left": 12, "right": 24, "top": 44, "bottom": 34, "containLabel": True},
        "xAxis": _axis(words("promotions.budget"), "value")
        | {"nameLocation": "middle", "nameGap": 28, "axisLabel": {**_TEXT, "hideOverlap": True}},
        "yAxis": _axis(words("promotions.gain"), "value"),
        "series": [
            {
                "type": "line",
                "name": words("promotions.gain"),
                "data": [[round(budget, 2), round(gain, 2)] for budget, gain in points],
                "symbolSize": 7,
                "lineStyle": {"width": 2.5, "color": _BLUE},
                "itemStyle": {"color": _BLUE},
                "markLine": {
                    "symbol": "none",
                    "lineStyle": {"color": _AMBER, "type": "dashed"},
                    "data": [mark],
                },
            }
        ],
    }


def cover_chart(spans: Sequence[tuple[str, int, int]], words: Words) -> dict[str, Any]:
    """Return how many products last how long: those to be ordered now, and the others on top of them."""
    bar = {"type": "bar", "stack": "products", "barWidth": "60%"}
    return _base() | {
        "legend": {"top": 0, "textStyle": _TEXT},
        "grid": {"left": 12, "right": 24, "top": 44, "bottom": 34, "containLabel": True},
        "xAxis": _axis(words("stock.column.cover"), "category")
        | {"data": [name for name, _, _ in spans], "nameLocation": "middle", "nameGap": 28}
        | {"axisLabel": {**_TEXT, "interval": 0}},
        "yAxis": _axis("", "value") | {"minInterval": 1},
        "series": [
            {
                **bar,
                "name": words("stock.step.now"),
                "data": [now for _, now, _ in spans],
                "itemStyle": {"color": _AMBER},
            },
            {
                **bar,
                "name": words("stock.enough"),
                "data": [rest for _, _, rest in spans],
                "itemStyle": {"color": _BLUE},
            },
        ],
    }


def loss_chart(losses: Sequence[tuple[int, float]], words: Words) -> dict[str, Any]:
    """Return the loss of a tuning against its steps."""
    return _base() | {
        "grid": {"left": 12, "right": 24, "top": 36, "bottom": 34, "containLabel": True},
        "xAxis": _axis(words("training.step"), "value") | {"nameLocation": "middle", "nameGap": 28},
        "yAxis": _axis(words("training.loss"), "value") | {"scale": True},
        "series": [
            {
                "type": "line",
                "name": words("training.loss"),
                "data": [[step, round(loss, 5)] for step, loss in losses],
                "symbol": "none",
                "lineStyle": {"width": 2, "color": _BLUE},
                "itemStyle": {"color": _BLUE},
            }
        ],
    }


def _base() -> dict[str, Any]:
    return {
        "animation": False,
        "aria": {"enabled": True},
        "grid": {"left": 12, "right": 24, "top": 44, "bottom": 12, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
    }


def _axis(name: str, kind: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "nameTextStyle": _TEXT, "axisLabel": _TEXT, "splitLine": _LINES}
