"""The console as people use it: a real service, a real browser."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from pricelm.services.approving import decisions_about, show_batch
from pricelm.services.console_users import add_console_user, disable_console_user
from pricelm.services.demo_store import fill_with_demo
from pricelm.web.console.registry import all_data, all_pages
from tests.e2e.console_browser import (
    PASSWORD,
    ROLES,
    add_users,
    flaws,
    logged_in,
    opened_browser,
    save_picture,
)
from tests.e2e.service_process import ServiceProcess
from tests.generated_listings import listings_frame

PAGES = ("/", "/promotions", "/stock", "/quote", "/models", "/review", "/rules", "/settings")
SKU = "samsung-85-class-q70c-series"


@dataclass
class Shop:
    """A running service on the demo's store, with a browser."""

    address: str
    store: str
    outbox: Path
    browser: Browser
    service: ServiceProcess


@pytest.fixture(scope="module")
def shop(fast_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("console")
    outbox = folder / "sent"
    outbox.mkdir()
    service = ServiceProcess(fast_bundle, folder, prepare=_fill, price_target=outbox)
    with service, opened_browser() as browser:
        yield Shop(service.address, service.store, outbox, browser, service)


def _fill(store: str) -> None:
    add_users(store)
    fill_with_demo(store, "pricelm demo")


@pytest.fixture
def page(shop: Shop) -> Iterator[Page]:
    opened = logged_in(shop.browser, shop.address, "admin")
    yield opened
    opened.context.close()


def _choose(page: Page, count: int) -> None:
    page.locator(".ag-center-cols-container .ag-row").nth(count - 1).wait_for()
    page.evaluate("() => pricelmLoading")
    boxes = page.locator(".ag-row .ag-checkbox-input")
    for place in range(count):
        boxes.nth(place).check(force=True)
    expect(page.locator(".bar")).to_contain_text(str(count))
    expect(page.locator("[data-key=a]")).to_be_enabled()


@pytest.mark.parametrize(
    ("language", "approve", "send", "back", "chosen"),
    [
        ("en-US", "Approve", "Send 2 prices", "Roll back", "2 chosen"),
        ("zh-CN", "批准", "发送 2 个价格", "回滚", "已选 2 项"),
    ],
)
def test_the_morning_from_log_in_to_applied_prices_and_back(
    shop: Shop, language: str, approve: str, send: str, back: str, chosen: str
) -> None:
    fill_with_demo(shop.store, "night run")
    before = set(shop.outbox.iterdir())
    page = logged_in(shop.browser, shop.address, "approver", language=language)
    # nobody chose a language yet: the browser's is spoken
    expect(page.locator("main h1").first).to_have_text("今日" if language == "zh-CN" else "Today")
    if language == "en-US":
        save_picture(page, "today")
    batch = int(page.locator(".grid").evaluate("() => pricelmWork.url.split('/').pop()"))
    _choose(page, 2)
    bar = page.locator(".bar")
    expect(bar).to_contain_text(chosen)
    page.keyboard.press("a")
    button = page.get_by_role("button", name=send)
    expect(button).to_be_enabled()
    assert show_batch(shop.store, batch)[0].states["approved"] == 2
    button.click()
    page.locator(".dialog .q-btn").last.click()
    expect(bar.get_by_role("button", name=back)).to_be_enabled()
    [sent] = set(shop.outbox.iterdir()) - before
    rows = list(csv.DictReader(sent.open(encoding="utf-8")))
    _, applied = show_batch(shop.store, batch, state="applied")
    assert {row["sku"]: float(row["price"]) for row in rows} == {
        one.sku: float(one.proposed_price) for one in applied
    }
    assert decisions_about(shop.store, applied[0].recommendation)[0].actor == "approver"
    page.get_by_role("button", name=back).click()
    page.locator(".dialog .q-btn").last.click()
    expect(bar.get_by_role("button", name=back)).to_be_disabled()
    assert show_batch(shop.store, batch)[0].states["rolled back"] == 2
    [returned] = set(shop.outbox.iterdir()) - before - {sent}
    returns = {row["sku"]: float(row["price"]) for row in csv.DictReader(returned.open(encoding="utf-8"))}
    assert returns == {one.sku: float(one.current_price) for one in applied}
    if language == "zh-CN":
        page.get_by_role("button", name="语言").click()
        page.get_by_text("English").click()
        expect(page.locator("main h1").first).to_have_text("Today")
        page.reload()
        expect(page.locator("main h1").first).to_have_text("Today")
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()


def test_a_rejection_needs_and_keeps_its_reason(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.address}/console/?plan=1")
    _choose(page, 1)
    page.keyboard.press("r")
    page.get_by_label("In your words").fill("a recall is on")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".q-notification")).to_contain_text("1 decided")
    _, [rejected] = show_batch(shop.store, 1, state="rejected")
    assert (
        decisions_about(shop.store, rejected.recommendation)[0].reason == "Not our strategy: a recall is on"
    )


def test_many_prices_are_edited_at_once_within_the_rules(shop: Shop, page: Page) -> None:
    newest = fill_with_demo(shop.store, "night run")
    page.goto(f"{shop.address}/console/?plan=1")
    page.get_by_label("Plan", exact=True).click()
    page.get_by_role("option").filter(has_text=f"Plan {newest} ").click()
    page.wait_for_url(f"**/console/?plan={newest}")
    _choose(page, 3)
    page.keyboard.press("e")
    page.get_by_label("Change from the price now, %").fill("2")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".q-notification").first).to_be_visible()
    edited = [one for one in show_batch(shop.store, newest)[1] if one.decided_price is not None]
    assert edited
    for one in edited:
        assert float(one.decided_price or 0) == pytest.approx(float(one.current_price) * 1.02, abs=0.5)
        assert str(one.decided_price)[-4:-2] in ("99", "49"), one.decided_price


def test_what_is_shown_can_be_exported_and_printed(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.address}/console/?plan=1")
    page.locator(".ag-center-cols-container .ag-row").nth(5).wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export CSV").click()
    with Path(waiting.value.path()).open(encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    shown = page.evaluate("pricelmApi.getDisplayedRowCount()")
    assert len(lines) == shown and all(line["New price"] for line in lines)
    assert page.evaluate("pricelmCell({ value: '=1+1', formatValue: (v) => v })") == "'=1+1"
    assert page.evaluate("pricelmCell({ value: -0.1, formatValue: (v) => `${v}` })") == "-0.1"
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(".ag-center-cols-container .ag-row")).to_have_count(shown)


def test_the_what_if_slider_answers_with_the_curve(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.address}/console/product/1/{SKU}")
    answer = page.locator(".answer")
    expect(answer).to_contain_text("Profit")
    save_picture(page, "product")
    first = answer.inner_text()
    page.locator(".q-slider__focus-ring").first.wait_for(state="attached")
    page.locator(".q-slider [tabindex='0']").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(answer).not_to_have_text(first)
    assert "What the text says" in page.locator("main").inner_text()


def test_the_price_moves_with_the_words_and_never_runs_them(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.address}/console/quote")
    title = page.get_by_label("Title")
    title.fill("red chair")
    price = page.locator(".price .large")
    expect(price).to_be_visible()
    first = price.inner_text()
    title.fill("large wooden sofa <img src=x onerror=alert(1)><script>document.title='owned'</script>")
    expect(price).not_to_have_text(first)
    save_picture(page, "quote")
    assert "owned" not in page.title()
    assert page.locator("main img").count() == 0


def test_a_file_comes_back_priced(shop: Shop, page: Page, tmp_path: Path) -> None:
    listings = tmp_path / "mine.csv"
    listings_frame(3).to_csv(listings, index=False)
    page.goto(f"{shop.address}/console/quote")
    with page.expect_download() as waiting:
        page.locator("input[type=file]").set_input_files(listings)
    with Path(waiting.value.path()).open(encoding="utf-8") as priced:
        rows = list(csv.DictReader(priced))
    assert len(rows) == 3 and all(float(row["predicted_price"]) > 0 for row in rows)
    assert waiting.value.suggested_filename == "mine-priced.csv"


def test_rules_are_checked_and_previewed_before_they_bind(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.address}/console/rules")
    editor = page.locator("textarea").first
    text = editor.input_value()
    editor.fill(text.replace("up: 0.25, down: 0.25", "up: 0.01, down: 0.01"))
    page.get_by_role("button", name="Check and preview").click()
    expect(page.locator("main")).to_contain_text("prices would change")
    save_picture(page, "rules")
    editor.fill("version: 1\nrules: [{id: x, kind: no_such_kind}]")
    page.get_by_role("button", name="Check and preview").click()
    expect(page.locator(".q-notification")).to_contain_text("no_such_kind")


def test_a_label_leaves_the_review_queue(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.address}/console/review")
    cards = page.locator(".review")
    cards.first.wait_for()
    before = cards.count()
    cards.first.get_by_label("The right price").fill("42")
    cards.first.get_by_role("button", name="Keep this price").click()
    expect(cards).to_have_count(before - 1)


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_has_a_serious_accessibility_problem_or_runs_over(shop: Shop, width: int) -> None:
    page = logged_in(shop.browser, shop.address, "admin", width=width)
    assert flaws(page, shop.address, (*PAGES, f"/product/1/{SKU}")) == {}
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()


def _client(shop: Shop, name: str) -> httpx.Client:
    client = httpx.Client(base_url=shop.address, follow_redirects=False)
    if name:
        page = logged_in(shop.browser, shop.address, name)
        for cookie in page.context.cookies():
            client.cookies.set(str(cookie["name"]), str(cookie["value"]))
        page.context.close()
    return client


@pytest.mark.parametrize("name", ["", *ROLES])
def test_every_path_is_denied_unless_the_role_may(shop: Shop, name: str) -> None:
    client = _client(shop, name)
    rank = ROLES.index(name) + 1 if name else 0
    for one in (*all_pages(), *all_data()):
        path = one.path.replace("{batch}", "1").replace("{sku:path}", SKU)
        answer = client.get(f"/console{path}")
        wanted = 303 if not rank else 200 if rank >= one.role else 403
        assert (path, answer.status_code) == (path, wanted)
        assert "script-src 'self' 'nonce-" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert client.post(f"/console{path}").status_code == (401 if not rank else 405)
    for path in ("/no-such-page", "/data", "/settings/users", "/docs", "/openapi.json"):
        assert client.get(f"/console{path}").status_code == (404 if rank else 303)
    assert client.get("/console/_nicegui_ws/socket.io/?transport=polling").status_code == (
        404 if rank else 303
    )
    assert client.post("/console/_nicegui/client/none/upload/1").status_code == (403 if rank else 401)


def test_a_session_ends_at_once_when_its_user_is_shut_out(shop: Shop, page: Page) -> None:
    add_console_user(shop.store, "leaving", "approver", PASSWORD, "test")
    open_page = logged_in(shop.browser, shop.address, "leaving")
    _choose(open_page, 1)
    disable_console_user(shop.store, "leaving", "test")
    open_page.keyboard.press("a")
    expect(open_page.locator("#password")).to_be_visible()
    open_page.context.close()
