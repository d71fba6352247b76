"""The page of a search: one HTML file that needs nothing else, no network and no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pricelm.evaluation.markup import Markup, Node, element
from pricelm.evaluation.report import html_page
from pricelm.evaluation.search_charts import history_chart, importance_chart
from pricelm.learning.search_result import SearchResult, history, shown_settings

if TYPE_CHECKING:
    from pricelm.learning.search_study import TrialRecord


def search_page(result: SearchResult, title: str) -> str:
    """Return the page of a search.

    Parameters
    ----------
    result : SearchResult
        What was found.
    title : str
        Name of the listings.

    Returns
    -------
    str
        A whole HTML document.
    """
    counts = ", ".join(f"{count} {state}" for state, count in result.counts().items())
    told = result.verdict.sentence() if result.verdict else "The preset's own trial is not complete yet."
    header = element(
        "header",
        element("p", element("b", "pricelm"), element("span", counts), class_="masthead"),
        element("h1", f"Search: {title}"),
        element("p", told, class_="headline"),
    )
    return html_page(
        f"{title}: search for settings",
        header,
        element("main", _charts(result), _best(result), _all(result), id="main"),
        element("footer", element("p", "Made by pricelm.")),
    )


def _charts(result: SearchResult) -> Markup | None:
    points = history(result.records)
    if not points:
        return None
    falling = element(
        "figure",
        element("h3", "Validation error by trial"),
        history_chart(points),
        element("figcaption", "Complete trials, and the best so far. Trial 0 is the preset."),
    )
    mattered: Node = None
    if result.importances:
        mattered = element(
            "figure",
            element("h3", "What mattered"),
            importance_chart(result.importances),
            element(
                "figcaption",
                "How differently the best quarter of the complete trials chose each setting (PED-ANOVA), as "
                "a share of all. From few trials it is a hint.",
            ),
        )
    return element(
        "section",
        element("h2", "Charts"),
        element("div", falling, mattered, class_="pair figures"),
        id="charts",
    )


def _best(result: SearchResult) -> Markup | None:
    if result.best is None:
        return None
    names = [str(name) for name in shown_settings(result.best.config)]
    base = shown_settings(result.base.to_dict())
    best = shown_settings(result.best.config)
    rows = [
        element(
            "tr", element("th", name.replace("_", " ")), element("td", _text(base[name])), _cell(best[name])
        )
        for name in names
    ]
    return element(
        "section",
        element("h2", f"The best settings: trial {result.best.number}"),
        element(
            "table",
            element(
                "thead",
                element("tr", element("th", "setting"), element("th", "preset"), element("th", "best")),
            ),
            element("tbody", rows),
        ),
        id="best",
    )


def _all(result: SearchResult) -> Markup:
    head = [element("th", name) for name in ("trial", "state", "validation RMSE", "seconds", "note")]
    return element(
        "section",
        element("h2", "All trials"),
        element(
            "table",
            element("thead", element("tr", head)),
            element("tbody", [_trial(record) for record in result.records]),
        ),
        id="trials",
    )


def _trial(record: TrialRecord) -> Markup:
    value = "" if record.value is None else f"{record.value:.4f}"
    cells = (record.state, value, f"{record.seconds:.1f}", record.reason)
    return element("tr", element("th", str(record.number)), [_cell(text) for text in cells])


def _cell(value: Any) -> Markup:
    return element("td", _text(value))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
