"""Results as people read them."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from pricelm.cli.tables import counts_line, coverage_line, metrics_table, places_view, quote_view
from pricelm.core.nouns import Comparable, PriceEstimate, PriceInterval, Quote, WordEffect

ROWS = [
    {"predictor": "median guess", "MAE": "$9.00 ($8.00 to $10.00)", "MdAPE": "40.0% (35.0% to 45.0%)",
     "RMSLE": "0.900 (0.800 to 1.000)", "R2 (log price)": "−0.100 (−0.200 to −0.010)", "blend is": "better"},
    {"predictor": "blend", "MAE": "$2.00 ($1.00 to $3.00)", "MdAPE": "10.0% (8.0% to 12.0%)",
     "RMSLE": "0.200 (0.100 to 0.300)", "R2 (log price)": "0.900 (0.800 to 0.950)", "blend is": ""},
]  # fmt: skip


def shown(view: RenderableType, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(view)
    return out.getvalue()


def test_a_wide_terminal_shows_everything() -> None:
    text = shown(metrics_table(ROWS, 100))
    for part in ("blend is", "better", "$8.00–$10.00", "−0.200 to −0.010", "0.900"):
        assert part in text
    assert "…" not in text


def test_a_narrow_terminal_cuts_nothing() -> None:
    text = shown(metrics_table(ROWS, 80), width=80)
    assert "blend is" not in text and "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "−0.200 to −0.010" in text


def test_coverage_is_said_with_its_interval() -> None:
    evaluation = {
        "coverage": [0.9, 0.87, 0.92],
        "confidence_level": 0.9,
        "n_rows": 600,
        "median_relative_width": 0.5,
    }
    assert "90.0% (87.0% to 92.0%) of 600" in shown(coverage_line(evaluation))
    evaluation["coverage"] = [1.0, None, None]
    assert "held 100.0% of 600" in shown(coverage_line(evaluation))


def test_a_quote_shows_price_interval_words_and_comparables() -> None:
    estimate = PriceEstimate(12.5, PriceInterval(8.0, 20.0, 0.9, "USD"), "USD", True, "interval too wide")
    quote = Quote(
        "1",
        estimate,
        {"lexical": 12.0},
        (Comparable("7", "[b]old[/b] mug", 11.0, 0.8),),
        (WordEffect("gold", "title", 3.0), WordEffect("cheap", "title", -1.5)),
    )
    text = shown(quote_view("gold mug", quote))
    for part in ("gold mug", "$12.50", "90% sure: $8.00 to $20.00", "interval too wide", "gold +$3.00"):
        assert part in text
    for part in ("cheap −$1.50", "$11.00  [b]old[/b] mug", "lexical $12.00"):
        assert part in text


def test_a_word_and_its_effect_stay_on_one_line() -> None:
    estimate = PriceEstimate(12.5, PriceInterval(8.0, 20.0, 0.9, "USD"), "USD")
    effects = tuple(WordEffect(f"word{number}", "title", 1.0 + number) for number in range(6))
    for width in range(60, 100):
        text = shown(quote_view("mug", Quote("1", estimate, {}, (), effects)), width=width)
        assert all(f"word{number} +${1 + number}.00" in text for number in range(6))


def test_rejected_rows_are_counted_with_their_reasons() -> None:
    assert "3 rows rejected: 2 no price; 1 too few fields" in shown(
        counts_line({"no price": 2, "too few fields": 1})
    )


def test_places_that_are_not_there_are_not_shown() -> None:
    text = shown(places_view({"model": "m", "rejected": None}, ["pricelm quote m"]))
    assert "model" in text and "rejected" not in text and "pricelm quote m" in text
