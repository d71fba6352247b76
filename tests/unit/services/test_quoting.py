"""Quotes of single listings, from roles, columns or JSON."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import ConfigError, ReadError
from pricelm.models.bundle import load_model
from pricelm.services.quoting import QuoteRequest, facts_from_json, listing_frame, quote_listing

COLUMNS = ColumnMap(title="name", brand="maker", price="cost", numeric=("weight_kg",), categorical=("brand",))


def test_a_quote_has_price_comparables_and_words(fast_bundle: Path) -> None:
    facts = {"title": "red marble sofa", "brand": "Acme", "category": "Home/Sofa", "weight_kg": "45"}
    quote = quote_listing(QuoteRequest(fast_bundle, facts, comparables=2))
    listing = pd.DataFrame(
        [{"name": "red marble sofa", "maker": "Acme", "group": "Home/Sofa", "weight_kg": 45}]
    )
    assert quote.estimate.predicted_price == pytest.approx(load_model(fast_bundle).predict(listing)[0])
    assert len(quote.comparables) == 2 and "sofa" in quote.comparables[0].title
    words = [one.word for one in quote.word_effects]
    assert set(words) == {"red", "marble", "sofa", "Acme"}
    assert words[0] in ("marble", "sofa")


def test_words_only_when_asked_for(fast_bundle: Path) -> None:
    quote = quote_listing(QuoteRequest(fast_bundle, {"title": "sofa"}, explain=False, comparables=0))
    assert quote.word_effects == () and quote.comparables == ()


def test_a_column_goes_before_a_role() -> None:
    row = listing_frame({"title": "cup", "brand": "x", "maker": "Acme", "weight_kg": 3}, COLUMNS).iloc[0]
    assert row.to_dict() == {"name": "cup", "brand": "x", "maker": "Acme", "weight_kg": 3}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"weigth_kg": 1}, "'weight_kg'"),
        ({"price": 1}, "reads no 'price'"),
        ({"cost": 1}, "reads no 'cost'"),
        ({"description": "x"}, "reads no 'description'"),
        ({"title": "a", "name": "b"}, "given twice"),
    ],
)
def test_facts_that_the_model_does_not_read(facts: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        listing_frame(facts, COLUMNS)


def test_nothing_said_is_nothing_to_price(fast_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="such as a title"):
        quote_listing(QuoteRequest(fast_bundle))


def test_facts_from_json(tmp_path: Path) -> None:
    path = tmp_path / "listing.json"
    path.write_text('{"title": "杯子"}', encoding="utf-8-sig")
    assert facts_from_json(path) == {"title": "杯子"}
    path.write_text("[1]")
    with pytest.raises(ReadError, match="got a list"):
        facts_from_json(path)
    with pytest.raises(ReadError, match="one JSON object"):
        facts_from_json(tmp_path / "none.json")
