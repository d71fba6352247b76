"""What comes into the store from files, and the logs of what was found and answered."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pricelm.core.errors import ConfigError, DataError, RuleError
from pricelm.core.nouns import PriceEstimate, PriceInterval, Quote
from pricelm.services.alert_log import Alert, handle_alert, record_alerts, recorded_alerts
from pricelm.services.auditing import verify_audit
from pricelm.services.experiment_log import begin_experiment, end_experiment, recorded_experiments
from pricelm.services.market_memory import LoadRequest, LoadResult, load_market
from pricelm.services.optimizing import OptimizeRequest, optimize_prices
from pricelm.services.quote_log import record_quotes, recorded_quotes
from pricelm.services.review_queue import dismiss_item, label_item, queue_for_review, review_queue
from pricelm.services.rule_history import (
    put_rules_in_force,
    rule_versions,
    rules_in_force,
    rules_of_version,
)
from pricelm.services.store_admin import store_status
from pricelm.storage.database import open_store
from pricelm.storage.market import Listing, price_history, sales_history
from tests.store_samples import write_products

RULES = "version: 1\nrules:\n- {id: m, kind: margin_floor, margin_rate: 0.2}\n"


def load(url: str, folder: Path, kind: str, rows: list[dict[str, Any]]) -> LoadResult:
    file = folder / f"{kind}.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    return load_market(url, LoadRequest(kind, file, folder=folder))


def test_observations_from_a_file(store_url: str, tmp_path: Path) -> None:
    rows = [
        {"SKU": "tea", "Seller": "north", "price": "€4.20", "observed at": "2026-03-01 10:00"},
        {"SKU": "tea", "Seller": "north", "price": "4.30 EUR", "observed at": "2026-03-02 10:00"},
        {"SKU": "", "Seller": "north", "price": "4", "observed at": "2026-03-02 10:00"},
        {"SKU": "tea", "Seller": "north", "price": "gone", "observed at": "2026-03-02 10:00"},
        {"SKU": "tea", "Seller": "x" * 201, "price": "4", "observed at": "2026-03-02 10:00"},
        {"SKU": "tea", "Seller": "north", "price": "4", "observed at": "soon"},
    ]
    for _ in range(2):
        result = load(store_url, tmp_path, "observations", rows)
    assert (result.rows, sum(result.rejected_counts.values())) == (2, 4)
    assert result.rejected is not None and list(pd.read_csv(result.rejected)["row"]) == [3, 4, 5, 6]
    store = open_store(store_url)
    with store.reading() as session:
        found = price_history(
            session, "tea", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
        )
    store.close()
    assert [(one.price, one.currency) for one in found] == [(Decimal("4.3"), "EUR"), (Decimal("4.2"), "EUR")]
    assert found[0].observed_at == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_listings_and_sales_from_files(store_url: str, tmp_path: Path) -> None:
    listings = [
        {"sku": f"p{n}", "title": f"green cup number {n}", "brand": "acme", "price": 2 + n, "color": "red"}
        for n in range(3)
    ]
    assert load(store_url, tmp_path, "listings", listings).rows == 3
    sales = [
        {"sku": "p1", "date": "2026-03-01", "price": 3.0, "units": units, "customer": f"c{units}"}
        for units in (2, 5)
    ]
    assert load(store_url, tmp_path, "sales", sales).rows == 2
    store = open_store(store_url)
    with store.reading() as session:
        listing = session.get(Listing, 2)
        sold = sales_history(session, "p1", date(2026, 1, 1))
    store.close()
    assert listing is not None and (listing.sku, listing.price, listing.brand) == ("p1", Decimal(3), "acme")
    assert listing.attributes == {"color": "red"}
    assert [(one.price, one.units) for one in sold] == [(Decimal(3), 7.0)]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    with pytest.raises(DataError, match="observed_at is missing"):
        load(url, tmp_path, "observations", [{"sku": "a", "seller": "b", "price": 1}])
    with pytest.raises(DataError, match="got none: no sku"):
        load(
            url,
            tmp_path,
            "observations",
            [{"sku": "", "seller": "b", "price": 1, "observed_at": "2026-01-01"}],
        )
    with pytest.raises(DataError, match="identifier"):
        load(url, tmp_path, "listings", [{"title": "a cup", "price": 1}, {"title": "a lamp", "price": 2}])
    assert store_status(url).rows["listings"] == 0


def test_rules_in_force_are_those_that_a_plan_is_made_with(store_url: str, tmp_path: Path) -> None:
    assert rules_in_force(store_url) is None
    with pytest.raises(RuleError):
        put_rules_in_force(store_url, "version: 1\nrules: [{id: x, kind: none}]", "ann")
    first = put_rules_in_force(store_url, RULES, "ann", "first")
    assert put_rules_in_force(store_url, RULES, "ben") == first
    put_rules_in_force(store_url, RULES.replace("0.2", "0.39"), "ben")
    assert [one.version for one in rule_versions(store_url)] == [2, 1]
    result = optimize_prices(
        OptimizeRequest(write_products(tmp_path), tmp_path / "plan.csv", store=store_url)
    )
    assert {one.verdicts[0].rule_id for one in result.plan.recommendations} == {"m"}
    assert min(1 - one.units and one.margin / one.revenue for one in result.plan.recommendations) >= 0.38
    # an earlier text comes back by being put in force again
    put_rules_in_force(store_url, rules_of_version(store_url, 1), "ann")
    assert rules_in_force(store_url) == RULES
    with pytest.raises(ConfigError, match="version of the rules"):
        rules_of_version(store_url, 9)


def test_the_review_queue_keeps_labels(store_url: str) -> None:
    rows = [(f"l{n}", {"title": f"cup {n}", "size": None}, "too wide") for n in range(3)]
    assert queue_for_review(store_url, "abstained", rows, "pricelm").queued == 3
    label_item(store_url, 1, 4.5, "ann")
    dismiss_item(store_url, 2, "ann")
    assert [one.listing["title"] for one in review_queue(store_url)] == ["cup 2"]
    [labeled] = review_queue(store_url, "labeled")
    assert (labeled.label, labeled.reviewer, labeled.listing_id) == (Decimal("4.5"), "ann", "l0")
    with pytest.raises(ConfigError, match="above 0"):
        label_item(store_url, 3, 0, "ann")
    with pytest.raises(ConfigError, match="number of a listing"):
        dismiss_item(store_url, 9, "ann")
    with pytest.raises(ConfigError, match="abstained, suspicious"):
        queue_for_review(store_url, "other", [], "ann")
    assert verify_audit(store_url).entries == 3


def test_quotes_alerts_and_experiments_are_written_down(store_url: str) -> None:
    estimate = PriceEstimate(9.5, PriceInterval(8.0, 12.0, 0.9, "EUR"), "EUR", True, "unsure")
    listing = {"title": "green cup"}
    quotes = [(listing, Quote("l1", estimate)), (listing, Quote("l2", estimate))]
    assert record_quotes(store_url, quotes, actor="shop") == 2
    [quote] = recorded_quotes(store_url, listing_id="l2")
    assert (quote.predicted_price, quote.abstained, quote.model_version) == (Decimal("9.5"), True, None)
    assert store_status(store_url).rows["documents"] == 1

    assert record_alerts(store_url, [Alert("jump", "warning", "tea fell", "tea", {"share": 0.3})]) == 1
    handle_alert(store_url, 1, "acknowledged", "ann")
    with pytest.raises(ConfigError, match="closed"):
        handle_alert(store_url, 1, "acknowledged", "ann")
    [alert] = recorded_alerts(store_url, "acknowledged")
    assert (alert.handled_by, alert.alert.details, alert.alert.sku) == ("ann", {"share": 0.3}, "tea")
    for wrong in (
        lambda: handle_alert(store_url, 5, "closed", "ann"),
        lambda: record_alerts(store_url, [Alert("j", "bad", "")]),
    ):
        with pytest.raises(ConfigError):
            wrong()

    begin_experiment(store_url, "spring", "switchback", "ann", {"seed": 3, "share": 0.1})
    with pytest.raises(ConfigError, match="new name"):
        begin_experiment(store_url, "spring", "switchback", "ann", {})
    end_experiment(store_url, "spring", "ben", {"gain": float("nan")})
    with pytest.raises(ConfigError, match="running"):
        end_experiment(store_url, "spring", "ben", {})
    [experiment] = recorded_experiments(store_url)
    assert (experiment.state, experiment.design["seed"], experiment.result) == ("ended", 3, {"gain": None})


def test_a_store_that_is_open_stays_open(store_url: str) -> None:
    store = open_store(store_url)
    assert record_alerts(store, [Alert("jump", "info", "tea fell")]) == 1
    assert len(recorded_alerts(store)) == 1
    with store.reading() as session:
        assert session.get(Listing, 1) is None
    store.close()
