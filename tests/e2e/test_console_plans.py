"""Promotions and stock in a real browser: what the pages show is what their files say."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from pricelm.services.console_users import set_console_language
from tests.e2e.console_browser import flaws, logged_in, save_picture
from tests.e2e.test_console import Shop, shop  # noqa: F401

PATHS = ("/promotions", "/stock")
SLOW_MS = 30_000


@pytest.fixture
def page(shop: Shop) -> Iterator[Page]:  # noqa: F811
    opened = logged_in(shop.browser, shop.address, "analyst")
    yield opened
    assert opened.complaints == []  # type: ignore[attr-defined]
    opened.context.close()


def _open(page: Page, shop: Shop, path: str) -> None:  # noqa: F811
    page.goto(f"{shop.address}/console{path}")
    expect(page.locator(".figures")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".busy")).to_be_hidden()


def _named(page: Page, name: str) -> Locator:
    return page.locator(".figure").filter(has=page.locator("dt", has_text=re.compile(f"^{name}$")))


def _figure(page: Page, name: str) -> float:
    text = _named(page, name).locator(".number").inner_text()
    return float(re.sub(r"[^0-9.\-]", "", text))


def _saved(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export CSV").click()
    with Path(waiting.value.path()).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_budget_becomes_a_calendar_that_leaves_as_a_file(shop: Shop, page: Page) -> None:  # noqa: F811
    _open(page, shop, "/promotions")
    save_picture(page, "promotions")
    campaigns = page.locator(".campaign")
    rows = _saved(page)
    assert campaigns.count() == len(rows) == _figure(page, "Campaigns") > 1
    assert sum(float(row["gain"]) for row in rows) == pytest.approx(_figure(page, "Expected profit"), abs=1)
    assert sum(float(row["spent"]) for row in rows) == pytest.approx(_figure(page, "Spent"), abs=1)
    assert all(date.fromisoformat(row["start"]).weekday() == 0 for row in rows)
    first = campaigns.first.inner_text().split()
    assert f"{1 - float(rows[0]['price']) / float(rows[0]['regular_price']):.1%}" in first[1]
    page.get_by_label("Budget (USD)").fill("20000")
    expect(_named(page, "Spent")).to_contain_text("$20,000", timeout=SLOW_MS)
    poorer = _saved(page)
    assert len(poorer) > 0 and sum(float(row["spent"]) for row in poorer) <= 20_000
    left = page.locator("section", has_text="Not promoted, and why").locator("tbody tr")
    promoted = {row["sku"] for row in poorer}
    assert left.count() == 27 - len(promoted)
    page.get_by_text("As a table").click()
    expect(page.locator("details table")).to_contain_text("$20,000")
    page.get_by_label("Budget (USD)").fill("1")
    expect(page.locator("main")).to_contain_text("fits this budget", timeout=SLOW_MS)


def test_what_to_order_is_found_filtered_and_saved(shop: Shop, page: Page) -> None:  # noqa: F811
    _open(page, shop, "/stock")
    shown = page.locator(".ag-center-cols-container .ag-row")
    expect(shown.first).to_contain_text("Order now")
    save_picture(page, "stock")
    urgent = _saved(page)
    assert len(urgent) == _figure(page, "To order now") > 1
    assert {row["step"] for row in urgent} == {"now"}
    assert sum(float(row["cost"]) for row in urgent) == pytest.approx(_figure(page, "What that costs"), abs=1)
    assert all(float(row["on_hand"]) <= float(row["point"]) for row in urgent)
    assert all(float(row["cover_low"]) <= float(row["cover"]) <= float(row["cover_high"]) for row in urgent)
    page.get_by_label("Order", exact=True).click()
    page.get_by_role("option", name="All").click()
    rows = _saved(page)
    assert len(rows) == 27 and sum(row["step"] == "now" for row in rows) == len(urgent)
    page.get_by_label("Search products").fill('samsung 85" class')
    expect(shown).to_have_count(1)
    expect(shown.locator("a")).to_have_attribute("href", re.compile(r"/console/product/\d+/samsung-85"))
    page.get_by_label("Days between looks").fill("30")
    expect(_named(page, "To order now")).not_to_contain_text(
        re.compile(rf"\b{len(urgent)}\b"), timeout=SLOW_MS
    )
    assert sum(row["step"] == "now" for row in _saved(page)) == _figure(page, "To order now") > len(urgent)


def test_both_pages_speak_chinese_in_the_dark_and_fit_a_phone(shop: Shop) -> None:  # noqa: F811
    set_console_language(shop.store, "viewer", "zh")
    page = logged_in(shop.browser, shop.address, "viewer", width=390)
    page.emulate_media(color_scheme="dark")
    for path, title, figure in zip(PATHS, ("促销", "库存"), ("预期利润", "现在订货"), strict=True):
        _open(page, shop, path)
        expect(page.locator("main h1").first).to_have_text(title)
        expect(page.locator(".figures")).to_contain_text(figure)
    assert flaws(page, shop.address, PATHS) == {}
    set_console_language(shop.store, "viewer", "en")
    page.context.close()


def test_what_cannot_be_asked_is_refused_and_the_rest_is_not_passed_on(shop: Shop, page: Page) -> None:  # noqa: F811
    with httpx.Client(base_url=f"{shop.address}/console") as client:
        for cookie in page.context.cookies():
            client.cookies.set(str(cookie["name"]), str(cookie["value"]))
        for path in (
            "promotions.csv?weeks=1000", "promotions.csv?budget=much", "promotions.csv?budget=nan",
            "stock?review_days=0", "stock?holding_rate=inf", "stock.csv?review_days=1e9",
        ):  # fmt: skip
            answer = client.get(f"/data/{path}")
            assert (path, answer.status_code) == (path, 400)
        answer = client.get("/data/promotions.csv?budget=20000&visitor=eve&no_such_name=1")
        assert answer.status_code == 200
        assert len(list(csv.DictReader(io.StringIO(answer.text)))) > 0
        assert client.get("/data/stock?step=now").json(), "the table has all rows and filters by itself"
