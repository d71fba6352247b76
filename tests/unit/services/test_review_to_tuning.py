"""Quotes that a person should look at reach the queue, and labels given there reach the next training."""

from __future__ import annotations

import csv
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from pricelm.catalog.columns import ColumnMap, infer_columns
from pricelm.core.errors import DataError, StoreError
from pricelm.core.nouns import PriceEstimate, PriceInterval, Quote
from pricelm.models.bundle import load_model
from pricelm.services import quote_recorder
from pricelm.services.auditing import verify_audit
from pricelm.services.predicting import PredictionRequest, predict_prices
from pricelm.services.quote_log import prune_recorded_quotes, record_quotes, recorded_quotes
from pricelm.services.quote_memory import SeenQuote, keep_quotes
from pricelm.services.quote_recorder import QuoteRecorder
from pricelm.services.review_queue import (
    dismiss_item,
    fingerprint,
    label_item,
    queue_for_review,
    reopen_item,
    review_counts,
    review_queue,
)
from pricelm.services.review_reasons import why_review
from pricelm.services.reviewing_files import PricedFile, remember_priced_file
from pricelm.services.spreadsheet_cells import defuse_csv
from pricelm.services.store_admin import export_store
from pricelm.services.training import TrainingOptions, TrainingRequest, train_model
from pricelm.services.training_labels import Label, review_labels, with_labels
from pricelm.storage.database import open_store
from pricelm.storage.quotes import QuoteRow
from tests.generated_listings import ROLE_NAMES, listings_frame

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def quote(price: float = 10.0, *, abstained: bool = False, **members: float) -> Quote:
    interval = PriceInterval(price * 0.8, price * 1.2, 0.9, "EUR")
    estimate = PriceEstimate(price, interval, "EUR", abstained, "too wide" if abstained else "")
    return Quote("l1", estimate, members)


def seen(
    title: str, review: tuple[str, str] | None = ("abstained", "too wide"), actor: str = "shop"
) -> SeenQuote:
    return SeenQuote(actor, {"title": title}, quote(), None, review)


def test_who_is_sent_to_a_person() -> None:
    assert why_review(quote()) is None
    assert why_review(quote(abstained=True)) == ("abstained", "too wide")
    assert why_review(quote(), asked=25.0) is not None and why_review(quote(), asked=23.9) is None
    assert why_review(quote(), asked=3.9) is not None and why_review(quote(), asked=4.1) is None
    apart = quote(lexical=3.9, language=17.0, tabular=0.5)
    found = why_review(apart, {"lexical": 0.5, "language": 0.5, "tabular": 0.0})
    assert found is not None and found[0] == "suspicious"
    assert found[1].startswith("the parts of the model disagree: language 17.00, lexical 3.90; the interval")
    assert why_review(apart, {"lexical": 0.05, "language": 0.95}) is None
    nothing = PriceEstimate(float("nan"), PriceInterval(0.0, float("inf"), 0.9), "", True, "no text")
    assert why_review(Quote("", nothing)) is None


def test_a_listing_is_queued_once_and_a_day_has_room_for_so_many(store_url: str) -> None:
    rows = [("a", {"title": "Red  Cup"}, "x"), ("b", {"title": "red cup", "price": 4.0}, "x")]
    first = queue_for_review(store_url, "abstained", rows, "shop")
    assert (first.queued, first.known) == (1, 1)
    dismiss_item(store_url, 1, "ann")
    assert queue_for_review(store_url, "suspicious", rows, "shop").queued == 0
    many = [(f"n{n}", {"title": f"cup {n} " + "x" * 6_000}, "y" * 900) for n in range(8)]
    second = queue_for_review(store_url, "abstained", many, "hostile", most_a_day=5)
    assert (second.queued, second.over) == (4, 4)
    assert queue_for_review(store_url, "abstained", many[6:], "hostile", most_a_day=5).over == 2
    longest = review_queue(store_url)[0]
    assert (len(longest.listing["title"]), len(longest.reason)) == (5_000, 500)
    # what people put there themselves has no limit
    assert queue_for_review(store_url, "suspicious", [("p", {"title": "by hand"}, "")], "ann").queued == 1
    assert review_counts(store_url) == {"abstained": 4, "suspicious": 1}
    assert [one.listing_id for one in review_queue(store_url, kind="suspicious")] == ["p"]
    assert [one.listing_id for one in review_queue(store_url, limit=2, offset=2)] == ["n2", "n3"]


def test_two_who_queue_the_same_at_once_make_one_item(store_url: str) -> None:
    open_store(store_url).close()
    start = threading.Barrier(3)

    def queue(number: int) -> None:
        start.wait()
        queue_for_review(store_url, "abstained", [("a", {"title": "cup"}, str(number))], "shop")

    threads = [threading.Thread(target=queue, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert review_counts(store_url) == {"abstained": 1}


@pytest.mark.parametrize(
    ("memory", "recorded", "queued"), [("off", 0, 0), ("review-only", 0, 1), ("on", 3, 1)]
)
def test_what_is_kept_of_quotes(store_url: str, memory: Any, recorded: int, queued: int) -> None:
    several = [seen("cup"), seen("lamp", None), seen("sofa", None, "other")]
    kept = keep_quotes(store_url, several, memory, 100)
    assert (kept.recorded, kept.queued) == (recorded, queued)
    assert len(recorded_quotes(store_url)) == recorded
    assert [one.listing["currency"] for one in review_queue(store_url)] == ["EUR"] * queued
    assert {one.actor for one in recorded_quotes(store_url)} == ({"shop", "other"} if recorded else set())


def models(columns: ColumnMap = ColumnMap(title="name")) -> Any:
    live = SimpleNamespace(version=None, columns=columns, weights={})
    return SimpleNamespace(cast=SimpleNamespace(everyone=lambda: [live]))


def test_the_recorder_never_waits_and_counts_what_it_drops(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, int] = {}

    def tell(what: str, count: int) -> None:
        told[what] = told.get(what, 0) + count

    free = threading.Event()
    keep = quote_recorder.keep_quotes
    monkeypatch.setattr(quote_recorder, "keep_quotes", lambda *a: free.wait(20) and keep(*a))
    store = open_store(store_url)
    recorder = QuoteRecorder(store, "on", 3, tell, most_waiting=4)
    answers: Any = [(quote(abstained=True), None)]
    started = time.monotonic()
    for number in range(12):
        recorder.note("shop", [{"name": f"cup {number}"}], answers, models())
    assert time.monotonic() - started < 5  # the store would have held it for 20 seconds
    assert told["dropped"] >= 12 - 4 - 4
    free.set()
    recorder.close()
    store.close()
    assert told["written"] == 12 - told["dropped"] == len(recorded_quotes(store_url))
    assert told["queued"] == 3 and told["over"] == told["written"] - 3
    assert review_queue(store_url)[0].listing == {"title": "cup 0", "currency": "EUR"}


def test_without_a_store_quotes_are_dropped_and_the_next_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, told = f"sqlite:///{tmp_path / 's.db'}", list[tuple[str, int]]()
    keep, calls = quote_recorder.keep_quotes, iter([StoreError("gone")])

    def failing(*given: Any) -> Any:
        error = next(calls, None)
        if error is not None:
            raise error
        return keep(*given)

    monkeypatch.setattr(quote_recorder, "keep_quotes", failing)
    store = open_store(url)
    recorder = QuoteRecorder(store, "on", 3, lambda *one: told.append(one))
    recorder.note("shop", [{"name": "cup"}], [(quote(), None)], models())
    while not told:
        time.sleep(0.01)
    recorder.note("shop", [{"name": "cup"}], [(quote(), None)], models())
    recorder.close()
    store.close()
    assert told == [("dropped", 1), ("written", 1)]


def test_old_quotes_are_pruned_with_listings_that_nobody_needs(store_url: str, tmp_path: Path) -> None:
    for title in ("old cup", "kept lamp", "reviewed sofa"):
        record_quotes(store_url, [({"title": title}, quote())], actor="shop")
    queue_for_review(store_url, "abstained", [("", {"title": "reviewed sofa"}, "x")], "shop")
    store = open_store(store_url)
    with store.writing() as session:
        for number in (1, 3):
            session.get_one(QuoteRow, number).at = NOW
    store.close()
    future = datetime.now(UTC) + timedelta(days=1)
    gone = prune_recorded_quotes(store_url, NOW + timedelta(days=1), "ann")
    assert (gone.quotes, gone.listings) == (2, 0)  # their listings are of today
    assert [one.quote for one in recorded_quotes(store_url)] == [2]
    gone = prune_recorded_quotes(store_url, future, "ann")
    assert (gone.quotes, gone.listings) == (1, 2)
    assert [one.listing["title"] for one in review_queue(store_url)] == ["reviewed sofa"]
    assert verify_audit(store_url).ok
    export_store(store_url, tmp_path / "export")
    assert (tmp_path / "export" / "quotes.jsonl").read_text() == ""


def test_labels_come_once_and_the_newest_wins(store_url: str) -> None:
    rows = [
        ("a", {"title": "red cup"}, ""),
        ("a", {"title": "red cup, new words"}, ""),
        ("", {"title": "lamp"}, ""),
    ]
    queue_for_review(store_url, "abstained", rows, "shop")
    for item, price in ((2, 7.0), (3, 30.0), (1, 5.0)):
        label_item(store_url, item, price, "ann")
    assert [(one.listing_id, one.price) for one in review_labels(store_url)] == [("", 30.0), ("a", 5.0)]
    reopen_item(store_url, 1, "ann")
    assert [(one.listing_id, one.price) for one in review_labels(store_url)] == [("a", 7.0), ("", 30.0)]
    assert [one.item for one in review_queue(store_url)] == [1]


def label(price: float, listing_id: str = "", **listing: Any) -> Label:
    return Label(listing_id, listing, price, NOW)


def test_labels_take_their_place_among_listings() -> None:
    frame = pd.DataFrame(
        {"sku": ["a", "b"], "name": ["red cup", "oak table"], "cost": [3, 90], "kg": [1.5, 20.0]},
        index=[4, 9],
    )
    columns = infer_columns(frame, overrides={"price": "cost", "listing_id": "sku", "title": "name"})
    labels = [
        label(4.25, "a", title="another text"),
        label(80.0, "", title="OAK  table"),
        label(300.0, "c", title="marble sofa", kg="55", unknown="x", currency="EUR"),
        label(9.0, "d", title="lamp", currency="USD"),
        label(9.0, "e", color="red"),
    ]
    found = with_labels(frame, columns, labels, "EUR")
    assert found.counts == {"added": 1, "replaced": 2, "left out": 2}
    assert found.frame["cost"].tolist() == [4.25, 80.0, 300.0]
    assert found.frame["name"].tolist() == ["red cup", "oak table", "marble sofa"]
    assert found.frame["kg"].tolist() == [1.5, 20.0, 55.0]
    assert sorted(found.rows) == [4, 9, 10] and list(found.frame.index) == [4, 9, 10]
    assert frame["cost"].tolist() == [3, 90]
    texts = with_labels(frame.assign(cost=["€3", "€90"]), columns, labels[:1])
    assert texts.frame["cost"].tolist() == ["4.2500", "€90"]


def test_the_next_training_contains_the_labels_and_tells_their_count(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    frame = listings_frame(100)
    frame.to_csv(tmp_path / "listings.csv", index=False)
    names = ("zircon kettle", "zircon teapot", "zircon pitcher", "zircon samovar", "zircon urn")
    rows = [(f"z{n}", {"title": f"{name} {n}", "brand": "Acme", "category": "Home/Zircon"}, "")
            for n, name in enumerate(names)]  # fmt: skip
    rows.append((str(frame["sku"][0]), {"title": str(frame["name"][0])}, "the price looks wrong"))
    queue_for_review(url, "abstained", rows, "shop")
    for one in review_queue(url):
        label_item(url, one.item, 5_000.0 if one.listing_id.startswith("z") else 77.5, "ann")
    options = TrainingOptions(preset="fast", test_share=0.5)
    request = TrainingRequest(
        tmp_path / "listings.csv", tmp_path / "model", roles=dict(ROLE_NAMES), options=options, store=url
    )
    result = train_model(request)
    assert result.to_dict()["labels"] == {"added": 5, "replaced": 1, "left out": 0}
    model = load_model(result.bundle)
    assert model.training_["labels"]["added"] == 5
    assert result.data.rows_read == 105 and result.evaluation is not None
    # half of all listings are kept aside, and none of the labels
    learned = model.quote(
        pd.DataFrame({"sku": ["?"] * 6, "name": [row[1]["title"] for row in rows]}), comparables=1
    )
    assert [one.comparables[0].price for one in learned] == [5_000.0] * 5 + [77.5]
    without = train_model(TrainingRequest(
        tmp_path / "listings.csv", tmp_path / "other", roles=dict(ROLE_NAMES), options=options,
    ))  # fmt: skip
    assert without.to_dict()["labels"] == {}
    assert learned[0].estimate.predicted_price > 2 * float(
        without.model.predict(pd.DataFrame({"sku": ["?"], "name": [rows[0][1]["title"]]}))[0]
    )


def test_the_fingerprint_is_of_what_is_written() -> None:
    one = {"title": "Red cup", "brand": "Acme", "listing_id": "1", "price": 3.0}
    assert fingerprint(one) == fingerprint({"brand": "acme ", "title": "red  cup", "condition": None})
    assert fingerprint(one) != fingerprint({"title": "Red cup", "brand": "Borg"})


def test_a_priced_file_puts_odd_rows_into_the_queue(fast_bundle: Path, tmp_path: Path) -> None:
    frame = listings_frame(40, seed=3)
    frame.loc[7, "cost"] *= 50
    frame.loc[9, ["name", "maker", "group", "weight_kg"]] = None
    frame.to_csv(tmp_path / "mine.csv", index=False)
    url = f"sqlite:///{tmp_path / 's.db'}"
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"prices.{suffix}"
        predict_prices(PredictionRequest(fast_bundle, tmp_path / "mine.csv", out))
        priced = PricedFile(fast_bundle, tmp_path / "mine.csv", out)
        kept = remember_priced_file(url, priced, "ana", "on")
        assert kept.recorded == 39
    assert kept.known == 1
    [item] = review_queue(url)
    assert (item.kind, item.listing_id, item.reviewer) == ("suspicious", frame["sku"][7], "")
    assert item.listing["title"] == frame["name"][7] and "far above" in item.reason
    (tmp_path / "prices.csv").write_text("sku,predicted_price\nx,1\n")
    short = PricedFile(fast_bundle, tmp_path / "mine.csv", tmp_path / "prices.csv")
    with pytest.raises(DataError, match="as many prices"):
        remember_priced_file(url, short, "ana")


def test_no_cell_of_a_file_is_run_as_a_formula(tmp_path: Path) -> None:
    rows = [["=HYPERLINK(1)", "-3.5", "+4,5%", "@cmd", " =1", "\t=1", "-", "red = mug", "-1-2", "1e-5"]]
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    defuse_csv(tmp_path / "in.csv", tmp_path / "out.csv")
    [row] = csv.reader((tmp_path / "out.csv").open(newline=""))
    assert row == [
        "'=HYPERLINK(1)",
        "-3.5",
        "+4,5%",
        "'@cmd",
        "' =1",
        "'\t=1",
        "'-",
        "red = mug",
        "'-1-2",
        "1e-5",
    ]
