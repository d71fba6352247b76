"""Scales, ticks and small charts: what is drawn is where it should be."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.evaluation.axes import Scale, padded, short_number
from pricelm.evaluation.bootstrap import Estimate
from pricelm.evaluation.charts import agreement_chart, calibration_chart, learning_chart
from pricelm.evaluation.report_data import LearningPoint
from pricelm.evaluation.strips import bar_scale, bar_strip, interval_strip, price_strip, strip_scale

SPANS = st.tuples(st.floats(1e-3, 1e5), st.floats(1.01, 1e4)).map(lambda pair: (pair[0], pair[0] * pair[1]))


@settings(deadline=None, max_examples=50)
@given(SPANS, st.booleans())
def test_ticks_are_inside_ascending_and_few(span: tuple[float, float], log: bool) -> None:
    low, high = span
    ticks = Scale(low, high, 0, 100, log).ticks(5)
    slack = 1e-6 * high
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 11
    if not log:
        assert len(ticks) >= 2


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=20), st.booleans())
def test_padding_holds_every_value(values: list[float], log: bool) -> None:
    low, high = padded(np.array(values), log=log)
    assert low < min(values) and max(values) < high
    assert low > 0 or not log


def test_values_outside_are_put_on_the_ends() -> None:
    scale = Scale(1, 10, 0, 50, log=True)
    assert [scale.place(value) for value in (0, 1, 10, 99)] == [0, 0, 50, 50]
    assert short_number(-1500) == "-1.5k"


def places(svg: str, tag: str, attribute: str) -> list[float]:
    return [float(value) for value in re.findall(rf'<{tag}[^>]* {attribute}="([\d.]+)%?"', svg)]


def test_interval_strip_puts_dot_whisker_and_target_in_place() -> None:
    svg = interval_strip(Estimate(0.9, 0.85, 0.95), strip_scale(0.8, 1.0), "tea", mark=0.9)
    assert places(svg, "circle", "cx") == [50.0]
    assert places(svg, "line", "x1") == [50.0, 26.5]
    assert places(svg, "line", "x2") == [50.0, 73.5]


def test_bar_strip_is_solid_up_to_the_lower_end() -> None:
    svg = bar_strip(Estimate(5.0, 4.0, 6.0), bar_scale(10.0), "tea", tone="blend")
    assert places(svg, "rect", "x") == pytest.approx([0.0, 38.8])
    assert places(svg, "rect", "width") == pytest.approx([38.8, 19.4])
    below = bar_strip(Estimate(-0.1, -0.2, -0.05), bar_scale(1.0), "tea", tone="blend")
    assert places(below, "rect", "width") == [0.0, 0.0]


def test_price_strip_survives_a_lower_end_of_zero() -> None:
    svg = price_strip((0.0, 20.0), 10.0, [5.0, 15.0], "tea")
    assert all(0 <= place <= 100 for place in places(svg, "line", "x1") + places(svg, "rect", "x"))
    assert svg.count("comparable") == 2


def test_agreement_chart_colors_what_is_outside() -> None:
    rows = pd.DataFrame({"actual": [10.0] * 50, "predicted": [10.0] * 40 + [30.0] * 10})
    rows["lower"], rows["upper"] = rows["predicted"] * 0.8, rows["predicted"] * 1.2
    svg = agreement_chart(rows, 0.9)
    drawn = dict.fromkeys(("dots", "dots outside"), 0)
    for path, name in re.findall(r'd="([^"]*)" class="([^"]*)"', svg):
        drawn[name] += path.count("h0")
    assert drawn == {"dots": 40, "dots outside": 10}
    assert "80.0% of all lie inside" in svg


def test_learning_chart_rings_the_lowest_held_out_loss_and_thins_the_rest() -> None:
    points = [LearningPoint(step, train_loss=1.0 / step) for step in range(1, 1001)]
    points += [LearningPoint(500, held_out_loss=0.2), LearningPoint(1000, held_out_loss=0.3)]
    svg = learning_chart(points)
    assert "lowest at step 500, 0.200" in svg
    line = re.search(r'points="([^"]*)" class="line train"', svg)
    assert line is not None and len(line[1].split()) == 80
    ends = [float(y) for y in re.findall(r'y="([\d.]+)" class="line-name', svg)]
    assert abs(ends[0] - ends[1]) >= 13


def test_learning_chart_needs_one_kind_of_loss_only() -> None:
    assert "line held" not in learning_chart([LearningPoint(1, train_loss=0.5)])
    assert "line train" not in learning_chart([LearningPoint(1, held_out_loss=0.5)])


def test_calibration_chart_tells_every_level() -> None:
    curve = pd.DataFrame(
        {
            "level": [0.5, 0.9],
            "coverage": [0.45, 0.91],
            "coverage_lower": [0.4, 0.88],
            "coverage_upper": [0.5, 0.94],
        }
    )
    svg = calibration_chart(curve)
    assert "50%: 45.0%; 90%: 91.0%" in svg
    assert svg.count("knot") == 2
