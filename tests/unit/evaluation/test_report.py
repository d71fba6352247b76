"""The report: whole, self-contained, escaped, accessible, the same for the same input."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.core.nouns import Comparable, PriceEstimate, PriceInterval, Quote, WordEffect
from pricelm.evaluation.evaluator import evaluate
from pricelm.evaluation.markup import element
from pricelm.evaluation.report import (
    DataReport,
    LearningPoint,
    QuotedListing,
    ReportChapter,
    ReportData,
    render_report,
    write_report,
)

EVIL = "<script>alert('x')</script>"
VOID = {"meta", "br", "hr"}


class FixedModel:
    confidence_level = 0.9

    def __init__(self, prices: np.ndarray) -> None:
        self.prices = prices

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.prices[X.index]

    def predict_interval(self, X: pd.DataFrame, confidence_level: float | None = None) -> np.ndarray:
        reach = 2 * (confidence_level or 0.9)
        return np.column_stack([self.predict(X) / reach, self.predict(X) * reach])

    def member_predictions(self, X: pd.DataFrame) -> dict[str, np.ndarray]:
        return {"lexical": self.predict(X) * 1.4, "language": self.predict(X) * 1.1}


def made_up(n: int = 400, category: str = "Tea") -> ReportData:
    rng = np.random.default_rng(0)
    actual = np.exp(rng.normal(2, 1, n))
    listings = pd.DataFrame({"price": actual, "category": category, "currency": "USD"})
    model = FixedModel(actual * np.exp(rng.normal(0, 0.4, n)))
    return ReportData("A shop", evaluate(model, listings, n_bootstrap=50))


def full(text: str) -> ReportData:
    """Return a report with ``text`` in every place that a stranger can write to."""
    quote = Quote(
        text,
        PriceEstimate(12.5, PriceInterval(8.0, 20.0, 0.9, "USD"), "USD", abstained=True, reason=text),
        {text: 11.0},
        (Comparable(text, text, 11.5, 0.9),),
        (WordEffect(text, text, -2.0), WordEffect("large", "title", 3.0)),
    )
    data = DataReport(
        100, 90, {text: 10}, [text], [(text, text, text)], [(text, text, text)], {"train": 70, text: 20}
    )
    learning = [LearningPoint(step, 1 / (1 + step)) for step in range(200)]
    return replace(
        made_up(category=text),
        title=text,
        about=text,
        created_at=text,
        learning=[*learning, LearningPoint(100, held_out_loss=0.4), LearningPoint(199, held_out_loss=0.3)],
        quotes=[QuotedListing(text, quote, text)],
        data=data,
        chapters=[
            ReportChapter(text, text, [text], table=[["head", text], ["cell", text]]),
            ReportChapter(
                "Told in a chart", text, [text], [element("b", "the chart")], table=[["not shown"]]
            ),
        ],
        settings={text: text},
        versions={text: text},
    )


class Page(HTMLParser):
    """Reads a page and fails on tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.children: dict[int, list[str]] = {}
        self.stack: list[int] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.stack:
            self.children[self.stack[-1]].append(tag)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.stack.append(len(self.tags) - 1)
            self.children[len(self.tags) - 1] = []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.stack.pop()

    def every(self, tag: str) -> list[tuple[dict[str, str | None], list[str]]]:
        return [(attrs, self.children.get(i, [])) for i, (name, attrs) in enumerate(self.tags) if name == tag]


@pytest.fixture(scope="module")
def page_text() -> str:
    return render_report(full(EVIL))


@pytest.fixture(scope="module")
def page(page_text: str) -> Page:
    return Page(page_text)


def test_no_text_becomes_markup(page_text: str, page: Page) -> None:
    assert "<script" not in page_text.lower()
    assert page_text.count("&lt;script&gt;") >= 20
    assert not {"script", "iframe", "object", "img", "link", "base", "form"} & {tag for tag, _ in page.tags}


def test_a_quote_cannot_leave_its_attribute() -> None:
    page = Page(render_report(full("\" onload='alert(1)' x=\"")))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_nothing_is_loaded(page_text: str, page: Page) -> None:
    policy = [a["content"] for a, _ in page.every("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert not re.search(r"https?://|url\(|@import", page_text)
    links = [value for _, attrs in page.tags for name, value in attrs.items() if name in ("href", "src")]
    assert links and all(value is not None and value.startswith("#") for value in links)


def test_links_lead_somewhere_and_identifiers_are_unique(page: Page) -> None:
    identifiers = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    assert {attrs["href"] for attrs, _ in page.every("a")} <= {f"#{name}" for name in identifiers}


def test_charts_have_titles_and_tables_have_headings(page: Page) -> None:
    charts = page.every("svg")
    assert sum(attrs["class"] == "chart" for attrs, _ in charts) == 3
    for attrs, children in charts:
        assert attrs["role"] == "img" and children[0] == "title"
        if attrs["class"] == "chart":
            assert children[1] == "desc" and attrs["aria-labelledby"]
    assert all(children[0] == "caption" for _, children in page.every("table"))
    assert page.every("th") and all(attrs.get("scope") in ("col", "row") for attrs, _ in page.every("th"))
    rows = [children for _, children in page.every("tr")]
    assert all(children[0] == "th" for children in rows)


def test_light_dark_print_and_phone_are_styled(page_text: str) -> None:
    for query in ("prefers-color-scheme: dark", "@media print", "max-width: 720px", 'name="viewport"'):
        assert query in page_text


def test_every_number_of_a_quote_is_there(page_text: str) -> None:
    for text in ("$12.50", "$8.00 to $20.00", "−$2.00", "+$3.00", "$11.50", "0.90", "For review"):
        assert text in page_text


def test_a_chapter_without_a_chart_shows_its_table(page_text: str) -> None:
    assert 'data-label="head">cell' in page_text or ">cell</th>" in page_text
    assert "the chart" in page_text and "not shown" not in page_text


def test_a_listing_that_cannot_be_priced_has_a_card() -> None:
    interval = PriceInterval(0.0, float("inf"), 0.9, "USD")
    estimate = PriceEstimate(float("nan"), interval, "USD", abstained=True, reason="nothing to price from")
    text = render_report(replace(made_up(), quotes=[QuotedListing("?", Quote("1", estimate))]))
    assert "nothing to price from" in text and "no interval" in text
    assert "inf" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S).split('id="quotes"')[1]


def test_empty_parts_are_left_out() -> None:
    text = render_report(made_up())
    Page(text)
    assert 'id="accuracy"' in text
    for key in ("quotes", "data", "settings", "learning-title"):
        assert f'id="{key}"' not in text and f'href="#{key}"' not in text


@pytest.mark.parametrize("n", [1, 2, 30])
def test_few_listings_still_make_a_report(n: int) -> None:
    text = render_report(made_up(n))
    Page(text)
    assert "NaN" not in text and "nan" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S)


def test_a_large_test_set_is_sampled() -> None:
    text = render_report(made_up(5000))
    assert len(re.findall(r"M[\d.]+ [\d.]+h0", text)) == 2000
    assert len(text) < 250_000


def test_headline_says_equal_when_it_is() -> None:
    data = made_up()
    gain = replace(data.evaluation.gains["lexical"]["rmsle"], lower=-0.1, upper=0.1)
    gains = {"lexical": {**data.evaluation.gains["lexical"], "rmsle": gain}}
    assert "cannot be told apart" in render_report(
        replace(data, evaluation=replace(data.evaluation, gains=gains))
    )
    assert "smaller than that of counting words" in render_report(data)


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [(0.7, 0.8, "too narrow"), (0.95, 0.99, "wider than needed"), (0.88, 0.93, "is kept")],
)
def test_coverage_is_judged(lower: float, upper: float, words: str) -> None:
    data = made_up()
    coverage = data.evaluation.coverage._replace(lower=lower, upper=upper)
    assert words in render_report(replace(data, evaluation=replace(data.evaluation, coverage=coverage)))


def test_same_data_same_file(tmp_path: Path) -> None:
    first = write_report(tmp_path / "a.html", full("tea 茶 \ud800"))
    second = write_report(str(tmp_path / "b.html"), full("tea 茶 \ud800"))
    assert first.read_bytes() == second.read_bytes()
    assert "tea 茶" in first.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_failed_write_keeps_the_earlier_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_report(tmp_path / "report.html", made_up())
    before = path.read_bytes()

    def full_disk(self: Path, *args: object, **options: object) -> int:
        self.write_bytes(b"half a repo")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_report(path, full("other"))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
