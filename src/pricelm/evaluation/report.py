"""The report: one HTML file that needs nothing else, no network and no script."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from pricelm.evaluation.markup import Markup, Node, element, user_text
from pricelm.evaluation.report_data import DataReport, LearningPoint, QuotedListing, ReportChapter, ReportData
from pricelm.evaluation.report_details import (
    chapters_section,
    data_section,
    quotes_section,
    settings_section,
)
from pricelm.evaluation.report_sections import accuracy_section, charts_section, coverage_section, summary

__all__ = [
    "DataReport",
    "LearningPoint",
    "QuotedListing",
    "ReportChapter",
    "ReportData",
    "html_page",
    "render_report",
    "write_report",
]

# even if escaping failed somewhere, a browser would load and run nothing
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_SECTIONS = {
    "accuracy": "Accuracy",
    "charts": "Charts",
    "coverage": "Intervals",
    "quotes": "New listings",
    "chapters": "Decisions",
    "data": "Data",
    "settings": "Settings",
}


def write_report(path: str | Path, data: ReportData) -> Path:
    """Write the report as one self-contained HTML file.

    Parameters
    ----------
    path : str or pathlib.Path
        File to write; it is replaced only when the new one is complete.
    data : ReportData
        What it shows.

    Returns
    -------
    pathlib.Path
        The file that was written.

    Raises
    ------
    OSError
        If the folder does not exist or the disk is full; an earlier report is left as it was.
    """
    target = Path(path)
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.write_text(render_report(data), encoding="utf-8")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def render_report(data: ReportData) -> str:
    """Return the report as HTML; the same data give the same text.

    Parameters
    ----------
    data : ReportData
        What it shows.

    Returns
    -------
    str
        A whole HTML document.
    """
    sections = {
        "accuracy": accuracy_section(data.evaluation),
        "charts": charts_section(data),
        "coverage": coverage_section(data.evaluation),
        "quotes": quotes_section(data),
        "chapters": chapters_section(data),
        "data": data_section(data.data),
        "settings": settings_section(data),
    }
    there = [key for key, part in sections.items() if part is not None]
    footer = (
        "Made by pricelm. Unless said otherwise, intervals are 95% percentile bootstrap intervals over "
        f"{data.evaluation.n_groups:,} groups of near-duplicate listings."
    )
    return html_page(
        f"{data.title}: price model report",
        _header(data, there),
        element("main", [sections[key] for key in there], id="main"),
        element("footer", element("p", footer)),
    )


def html_page(title: str, *body: Node, style: str = "") -> str:
    """Return a whole HTML document in the style of the report, which loads and runs nothing.

    Parameters
    ----------
    title : str
        Title of the page.
    *body : Node
        What it shows.
    style : str, default ""
        Further rules of CSS, written by the program and not by a user.

    Examples
    --------
    >>> html_page("A title", element("p", "1 < 2")).count("default-src")
    1
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", _style_sheet(), Markup(style)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', *body), lang='en')}\n"


def _header(data: ReportData, there: list[str]) -> Markup:
    facts = [f"{data.evaluation.n_rows:,} test listings", data.evaluation.currency, data.created_at]
    links = [element("a", _SECTIONS[key], href=f"#{key}") for key in there]
    return element(
        "header",
        element("a", "Skip to the tables", href="#main", class_="skip"),
        element(
            "p", element("b", "pricelm"), [element("span", fact) for fact in facts if fact], class_="masthead"
        ),
        element("h1", user_text(data.title)),
        element("p", user_text(data.about), class_="about") if data.about else None,
        summary(data.evaluation),
        element("nav", links, aria_label="Sections"),
    )


def _style_sheet() -> Markup:
    # ours, and without "<": markup already, since escaping would break its child selectors
    return Markup(resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8"))
