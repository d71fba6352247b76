"""Training and review in the console, from an abstained quote to a promoted version, in a real browser."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from pricelm.services.bootstrap import open_registry
from pricelm.services.quote_log import recorded_quotes
from pricelm.services.review_queue import queue_for_review, review_queue
from pricelm.services.training_labels import review_labels
from tests.e2e.console_browser import add_users, flaws, logged_in, opened_browser, save_picture
from tests.e2e.service_process import ServiceProcess, wait_until
from tests.generated_listings import listings_frame

MANY = 120
TRAINING_MS = 60_000


@dataclass
class Shop:
    """A running service with a long review queue and a folder of models, and a browser."""

    address: str
    store: str
    models: Path
    browser: Browser


@pytest.fixture(scope="module")
def shop(fast_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("review")
    settings = {"models_folder": folder / "models", "record_quotes": "on"}
    with (
        ServiceProcess(fast_bundle, folder, prepare=_fill, **settings) as service,
        opened_browser() as browser,
    ):
        yield Shop(service.address, service.store, folder / "models", browser)


def _fill(store: str) -> None:
    add_users(store)
    rows = [
        (f"r{n}", {"title": f"red wooden lamp no {n}", "currency": "EUR"}, "too wide") for n in range(MANY)
    ]
    queue_for_review(store, "abstained", rows, "shop")
    queue_for_review(store, "suspicious", [("s", {"title": "blue marble sofa <b>x</b>"}, "far")], "shop")


def test_labels_reach_the_version_that_is_trained_and_promoted(shop: Shop, tmp_path: Path) -> None:
    page = logged_in(shop.browser, shop.address, "analyst")
    page.goto(f"{shop.address}/console/review")
    cards = page.locator(".review")
    expect(cards).to_have_count(20)
    expect(cards.first).to_contain_text("90% interval")
    expect(page.locator("main")).to_contain_text("1 to 20 of 121")
    # the whole way by keyboard: a price, Enter, and the next one has the cursor
    cards.first.get_by_label("The right price").fill("42")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("1 to 19 of 120")
    expect(cards.first.get_by_label("The right price")).to_be_focused()
    page.keyboard.type("43")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("of 119")
    expect(cards.first.get_by_label("The right price")).to_be_focused()
    page.keyboard.press("d")
    expect(page.locator("main")).to_contain_text("of 118")
    expect(cards.first.get_by_label("The right price")).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("main")).to_contain_text("of 119")
    assert [(one.listing_id, one.price) for one in review_labels(shop.store)] == [("r0", 42.0), ("r1", 43.0)]
    save_picture(page, "review")
    for shown in ("21 to 40 of 119", "41 to 60 of 119"):
        page.get_by_role("button", name="The next page").click()
        expect(page.locator("main")).to_contain_text(shown)
    page.get_by_label("Kind").click()
    page.get_by_role("option", name="Suspicious").click()
    expect(cards).to_have_count(1)
    expect(cards.first).to_contain_text("<b>x</b>")

    listings = tmp_path / "mine.csv"
    listings_frame(100, seed=4).to_csv(listings, index=False)
    page.goto(f"{shop.address}/console/models")
    page.locator("input[type=file]").set_input_files(listings)
    price = page.get_by_label("Price", exact=True)
    price.wait_for()
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".q-notification", has_text="which column holds the price")).to_be_visible()
    price.click()
    page.get_by_role("option", name="cost").click()
    page.get_by_label("Time against accuracy").click()
    page.get_by_role("option", name="Fast").click()
    page.get_by_role("button", name="Start training").click()
    # whoever comes later, or comes again, sees the same training
    page.goto(f"{shop.address}/console/models")
    expect(page.locator("main")).to_contain_text("Version 2 is registered", timeout=TRAINING_MS)
    expect(page.locator("main")).to_contain_text("2 of the prices were given in the review queue")
    expect(page.locator(".figure")).to_have_count(2)
    save_picture(page, "models")
    assert page.get_by_role("button", name="Promote").count() == 0  # that is for approvers
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()

    page = logged_in(shop.browser, shop.address, "approver")
    page.goto(f"{shop.address}/console/models")
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.locator("table").first).to_contain_text("Retired")
    [active] = [one for one in open_registry(shop.store).versions() if one.state == "active"]
    assert active.version == 2 and active.bundle.is_relative_to(shop.models)
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()


def test_a_training_that_fails_says_why(shop: Shop, tmp_path: Path) -> None:
    page = logged_in(shop.browser, shop.address, "analyst")
    page.goto(f"{shop.address}/console/models")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("title,price\nred cup,free\ngreen cup,nothing\n")
    page.locator("input[type=file]").set_input_files(wrong)
    page.get_by_label("Price", exact=True).wait_for()
    page.get_by_role("button", name="Start training").click()
    main = page.locator("main")
    expect(main).to_contain_text("failed:", timeout=TRAINING_MS)
    expect(main).to_contain_text("It was at: Checking the listings")
    expect(page.get_by_role("button", name="Start it again")).to_be_visible()
    page.context.close()


def test_files_come_back_priced_without_formulas_and_wrong_ones_are_told(shop: Shop, tmp_path: Path) -> None:
    page = logged_in(shop.browser, shop.address, "viewer")
    page.goto(f"{shop.address}/console/quote")
    frame = listings_frame(6, seed=9)
    frame.loc[0, "name"] = '=HYPERLINK("http://evil","red cup")'
    frame.loc[1, "cost"] *= 90
    frame.to_csv(tmp_path / "mine.csv", index=False)
    with page.expect_download() as waiting:
        page.locator("input[type=file]").set_input_files(tmp_path / "mine.csv")
    with Path(waiting.value.path()).open(encoding="utf-8", newline="") as priced:
        rows = list(csv.DictReader(priced))
    assert len(rows) == 6 and rows[0]["name"].startswith("'=HYPERLINK")
    queued = [one for one in review_queue(shop.store, kind="suspicious") if one.listing_id == rows[1]["sku"]]
    assert len(queued) == 1 and "far above" in queued[0].reason
    (tmp_path / "empty.csv").write_text("")
    page.locator("input[type=file]").set_input_files(tmp_path / "empty.csv")
    expect(page.locator(".q-notification", has_text="empty")).to_be_visible()
    (tmp_path / "big.csv").write_text("name\n" + "red cup\n" * 1_100_000)
    page.locator("input[type=file]").set_input_files(tmp_path / "big.csv")
    expect(page.locator(".q-notification", has_text="too large")).to_be_visible()
    page.context.close()


def test_what_is_asked_over_http_is_recorded_with_its_version(shop: Shop) -> None:
    answer = httpx.post(f"{shop.address}/v1/quotes", json={"listings": [{"title": "yellow plastic cup"}]})
    [quoted] = answer.json()["quotes"]

    def kept() -> bool:
        return any(one.actor == "local" for one in recorded_quotes(shop.store))

    wait_until(kept, 20)
    found = next(one for one in recorded_quotes(shop.store) if one.actor == "local")
    assert float(found.predicted_price) == pytest.approx(quoted["predicted_price"], abs=1e-4)
    assert found.model_version == quoted["model_version"]


@pytest.mark.parametrize("width", [1366, 390])
def test_the_pages_are_accessible_and_do_not_run_over(shop: Shop, width: int) -> None:
    page = logged_in(shop.browser, shop.address, "admin", width=width)
    assert flaws(page, shop.address, ("/models", "/review", "/quote")) == {}
    page.context.close()
