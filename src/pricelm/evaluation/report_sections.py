"""Sections of the report about the model: summary, accuracy, charts and intervals."""

from __future__ import annotations

import math

import pandas as pd

from pricelm.evaluation.bootstrap import Difference, Estimate, verdict
from pricelm.evaluation.charts import agreement_chart, calibration_chart, learning_chart
from pricelm.evaluation.markup import Markup, Node, element, fragment, user_text
from pricelm.evaluation.report_data import ReportData
from pricelm.evaluation.result import (
    BLEND,
    LANGUAGE_AFTER,
    LANGUAGE_BEFORE,
    LEXICAL,
    TABLE_METRICS,
    Evaluation,
)
from pricelm.evaluation.strips import bar_scale, bar_strip, interval_strip, scale_strip, strip_scale
from pricelm.evaluation.tables import Column, data_table
from pricelm.evaluation.wording import (
    METRIC_LABELS,
    METRIC_MEANINGS,
    metric_text,
    percent_text,
    price_text,
)

_TONES = {BLEND: "blend", LANGUAGE_AFTER: "after", LANGUAGE_BEFORE: "before"}
_VERDICT_TONES = {"better": "good", "worse": "bad", "equal": ""}


def section(key: str, title: str, lead: Node, *parts: Node) -> Markup:
    """Return a section with its heading and one sentence that says how to read it."""
    return element(
        "section",
        element("h2", title),
        element("p", lead, class_="lead") if lead else None,
        *parts,
        id=key,
    )


def figure(title: str, chart: Markup, caption: Node) -> Markup:
    """Return a chart with its heading above and its reading below."""
    return element("figure", element("h3", title), chart, element("figcaption", caption))


def summary(evaluation: Evaluation) -> Markup:
    """Say in one sentence and four numbers how good the prices are."""
    blend = evaluation.metrics[BLEND]
    facts = [
        _fact(
            "Typical miss",
            percent_text(blend["mdape"].value),
            _between("mdape", blend["mdape"], evaluation.currency),
            "half of the prices are nearer than this",
        ),
        _fact(
            "Mean miss",
            price_text(blend["mae"].value, evaluation.currency),
            _between("mae", blend["mae"], evaluation.currency),
            "over all test listings, in money",
        ),
        _fact(
            f"{percent_text(evaluation.confidence_level, 0)} interval holds",
            percent_text(evaluation.coverage.value),
            _between("band_accuracy", evaluation.coverage, ""),
            coverage_verdict(evaluation),
        ),
        _fact(
            "Interval width",
            price_text(evaluation.mean_width.value, evaluation.currency),
            _between("mae", evaluation.mean_width, evaluation.currency),
            f"on average; {percent_text(evaluation.median_relative_width, 0)} of the price for a typical one",
        ),
    ]
    return fragment(
        element("p", _headline(evaluation), class_="headline"), element("dl", facts, class_="facts")
    )


def coverage_verdict(evaluation: Evaluation) -> str:
    """Say whether intervals hold what they promise.

    The promise counts as kept when the 95 % interval of the observed coverage holds it.
    """
    promised = percent_text(evaluation.confidence_level, 0)
    if evaluation.coverage.upper < evaluation.confidence_level:
        return f"less than the promised {promised}: intervals are too narrow"
    if evaluation.coverage.lower > evaluation.confidence_level:
        return f"more than the promised {promised}: intervals are wider than needed"
    return f"of the test prices: the promise of {promised} is kept"


def accuracy_section(evaluation: Evaluation) -> Markup:
    """Return the table of predictors by metric, with bars and intervals in its cells."""
    scales = {metric: bar_scale(_longest(evaluation, metric)) for metric in TABLE_METRICS}
    rows: list[list[Node]] = []
    for predictor, values in evaluation.metrics.items():
        cells: list[Node] = []
        for metric in TABLE_METRICS:
            estimate = values[metric]
            text = metric_text(metric, estimate.value, evaluation.currency)
            between = _between(metric, estimate, evaluation.currency)
            title = f"{predictor}: {METRIC_LABELS[metric]} {text}, {between}"
            bar = bar_strip(estimate, scales[metric], title, tone=_TONES.get(predictor, "plain"))
            cells.append(fragment(element("b", text), element("small", between), bar))
        rows.append([user_text(predictor), *cells, _gain_cell(evaluation, predictor)])
    columns = [
        Column("Predictor"),
        *(Column(METRIC_LABELS[name], "measure", METRIC_MEANINGS[name]) for name in TABLE_METRICS),
        Column("The blend is", "gain", "by RMSLE, on the same resamples"),
    ]
    table = data_table(
        f"Error on {evaluation.n_rows:,} test listings, with 95% intervals",
        columns,
        rows,
        class_="accuracy",
        row_classes=["blend" if name == BLEND else "" for name in evaluation.metrics],
    )
    return section("accuracy", "How near the prices are", evaluation.advice, table)


def charts_section(data: ReportData) -> Markup:
    """Return the scatter, the learning curve and the calibration curve side by side."""
    evaluation = data.evaluation
    level = percent_text(evaluation.confidence_level, 0)
    figures = [
        figure(
            "Actual against predicted",
            agreement_chart(evaluation.predictions, evaluation.confidence_level),
            [
                _key("dots", "inside its interval"),
                _key("outside", "outside"),
                _key("band", f"typical {level} interval"),
            ],
        )
    ]
    if any(point.train_loss is not None or point.held_out_loss is not None for point in data.learning):
        caption = [_key("train", "training batches"), _key("held", "held-out listings, lowest point ringed")]
        figures.append(figure("Learning curve", learning_chart(data.learning), caption))
    caption_text = f"Dots on the diagonal keep their promise. Exact 95% whiskers, {_curve_rows(evaluation)}."
    figures.append(
        figure("Promised against observed", calibration_chart(evaluation.calibration_curve), caption_text)
    )
    return section("charts", "What the model learned", None, element("div", figures, class_="figures"))


def coverage_section(evaluation: Evaluation) -> Markup:
    """Return coverage by category and by price band as dots against the promise."""
    level = percent_text(evaluation.confidence_level, 0)
    lead = (
        f"Each dot is the share of test prices inside their {level} interval, its whisker the exact 95% "
        "range, the line the promise. A group counts as off only when it still is after Holm's correction "
        "for looking at several groups; groups of fewer than 100 listings are not judged."
    )
    parts = [
        _coverage_table(f"Coverage by {name}", table, evaluation)
        for name, table in (
            ("category", evaluation.coverage_by_category),
            ("predicted price", evaluation.coverage_by_band),
        )
    ]
    return section(
        "coverage", "Where the intervals hold", lead, element("div", parts, class_="pair"),
        _slice_table(evaluation),
    )  # fmt: skip


def _headline(evaluation: Evaluation) -> str:
    blend = evaluation.metrics[BLEND]
    near = percent_text(blend["mdape"].value)
    text = f"Half of {evaluation.n_rows:,} unseen listings are priced within {near}"
    if LEXICAL not in evaluation.gains:
        return f"{text}."
    gain = evaluation.gains[LEXICAL]["rmsle"]
    if verdict(gain) == "equal":
        return f"{text}; that cannot be told apart from counting words alone."
    share = abs(gain.value) / evaluation.metrics[LEXICAL]["rmsle"].value
    size = "smaller" if verdict(gain) == "better" else "larger"
    return f"{text}; the error is {percent_text(share)} {size} than that of counting words alone."


def _fact(name: str, value: str, between: str, meaning: str) -> Markup:
    return element(
        "div",
        element("dt", name),
        element("dd", element("strong", value), element("small", between), element("span", meaning)),
    )


def _between(metric: str, estimate: Estimate, currency: str) -> str:
    if not math.isfinite(estimate.lower):
        return "no interval"
    return (
        f"{metric_text(metric, estimate.lower, currency)} to {metric_text(metric, estimate.upper, currency)}"
    )


def _longest(evaluation: Evaluation, metric: str) -> float:
    ends = [end for values in evaluation.metrics.values() for end in values[metric] if math.isfinite(end)]
    return max([*ends, 1e-9])


def _gain_cell(evaluation: Evaluation, predictor: str) -> Node:
    if predictor not in evaluation.gains:
        return None
    gain: Difference = evaluation.gains[predictor]["rmsle"]
    outcome = verdict(gain)
    between = _between("rmsle", Estimate(gain.value, gain.lower, gain.upper), "")
    size = f"by {metric_text('rmsle', abs(gain.value))}" if outcome != "equal" else "within the noise"
    pill = element("span", outcome, class_=f"pill {_VERDICT_TONES[outcome]}".strip())
    return fragment(pill, " ", size, element("small", between))


def _key(tone: str, text: str) -> Markup:
    return element("span", element("i", class_=tone, aria_hidden="true"), text, class_="key")


def _curve_rows(evaluation: Evaluation) -> str:
    rows = evaluation.calibration_curve["rows"]
    if rows.min() == rows.max():
        return f"{rows.max():,} listings"
    level = percent_text(evaluation.confidence_level, 0)
    return f"{rows.max():,} listings at {level} and a sample of {rows.min():,} at the others"


def _coverage_table(caption: str, table: pd.DataFrame, evaluation: Evaluation) -> Markup:
    if table.empty:
        return element("p", f"{caption}: no group has 100 test listings.", class_="empty")
    scale = strip_scale(min(float(table["coverage_lower"].min()), evaluation.confidence_level) - 0.02, 1.0)
    rows = []
    for row in table.to_dict("records"):
        estimate = Estimate(row["coverage"], row["coverage_lower"], row["coverage_upper"])
        tone = "bad" if row["significant"] else ""
        between = _between("band_accuracy", estimate, "")
        title = f"{row['group']}: {percent_text(estimate.value)}, {between}"
        chart = interval_strip(estimate, scale, title, mark=evaluation.confidence_level, tone=tone)
        share = element("b", percent_text(estimate.value), class_=tone or None)
        rows.append([user_text(row["group"]), chart, share, f"{row['rows']:,}", _p_text(row["holm_p"])])
    columns = [
        Column("Group"),
        Column("Range", "chart", head=scale_strip(scale, "Scale of the coverage")),
        *(Column(title, "number") for title in ("Inside", "Listings", "p (Holm)")),
    ]
    return data_table(caption, columns, rows, class_="coverage")


def _slice_table(evaluation: Evaluation) -> Markup | None:
    table = evaluation.metrics_by_category
    if len(table) < 2:
        return None
    scale = bar_scale(float(table["mdape"].max()) or 1.0)
    rows = []
    for row in table.to_dict("records"):
        miss = percent_text(row["mdape"])
        estimate = Estimate(row["mdape"], math.nan, math.nan)
        bar = bar_strip(estimate, scale, f"{row['group']}: {miss}", tone="blend")
        money = [price_text(row[name], evaluation.currency) for name in ("mae", "median_price")]
        numbers = [miss, money[0], f"{row['rmsle']:.3f}", money[1], f"{row['rows']:,}"]
        rows.append([user_text(row["group"]), bar, *numbers])
    titles = ("MdAPE", "MAE", "RMSLE", "Median price", "Listings")
    columns = [
        Column("Category"),
        Column("Typical miss", "chart"),
        *(Column(title, "number") for title in titles),
    ]
    return data_table("Error of the blend by category", columns, rows, class_="slices")


def _p_text(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
