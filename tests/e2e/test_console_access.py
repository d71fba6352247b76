"""Ways into the console: the first visit, who may have what, another log-in service, and the demo."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pricelm.cli.main import app
from pricelm.services.approving import list_batches, show_batch
from pricelm.services.auditing import verify_audit
from pricelm.services.demo_store import PASSWORD as DEMO_PASSWORD
from pricelm.web.console.registry import ConsoleData, ConsolePage, all_data, all_pages
from tests.e2e.console_browser import PASSWORD, ROLES, add_users, logged_in, opened_browser, save_picture
from tests.e2e.service_process import ROOT, ServiceProcess, wait_until
from tests.login_service import SECRET as SECRET_THERE
from tests.login_service import LoginService
from tests.store_samples import write_products

SECRET = "hunter2-is-secret"


# what stands for the parameters of a path; a new one needs a sample here
SAMPLES = {"batch": "1", "sku": "p1", "revision": "none.0"}
CLIENT = re.compile(r"client_id[^0-9a-f]{1,20}([0-9a-f-]{36})")


@dataclass(frozen=True)
class Shop:
    """A running service on an empty store, with a browser and another log-in service."""

    service: ServiceProcess
    browser: Browser
    products: Path
    elsewhere: LoginService

    def page(self, name: str) -> Page:
        return logged_in(self.browser, self.service.address, name)


@pytest.fixture(scope="module")
def shop(fast_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("access")
    port = _free_port()
    with LoginService(f"http://127.0.0.1:{port}/console/login/return") as elsewhere:
        settings = elsewhere.settings()
        settings["oidc_roles"] = json.dumps(settings["oidc_roles"])
        service = ServiceProcess(fast_bundle, folder, prepare=add_users, port=port, **settings)
        with service, opened_browser() as browser:
            yield Shop(service, browser, write_products(folder), elsewhere)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_every_door_leads_in_and_what_is_wrong_is_said(shop: Shop, tmp_path: Path) -> None:
    """All pages are opened while the store is empty, which it is once."""
    viewer, analyst, admin = (shop.page(name) for name in ("viewer", "analyst", "admin"))
    expect(viewer.locator("main")).to_contain_text("Ask an analyst or admin")
    expect(viewer.locator(".door")).to_have_count(0)
    expect(analyst.locator(".door")).to_have_count(3)
    expect(analyst.locator(".door").last.get_by_label("Address")).to_have_count(0)
    save_picture(admin, "doors")
    demo = shop.page("analyst")
    _refuse_files(shop, analyst, tmp_path)
    _refuse_addresses(shop, admin, tmp_path)
    assert list_batches(shop.service.store) == []
    _take_file(shop, analyst, tmp_path)
    _take_database(shop, admin, tmp_path)
    demo.get_by_role("button", name="Load it").click()
    expect(demo.locator(".grid")).to_be_visible(timeout=60_000)
    assert [one.actor for one in list_batches(shop.service.store)] == ["analyst", "admin", "analyst"]
    for page in (viewer, analyst, admin, demo):
        assert page.complaints == []  # type: ignore[attr-defined]
        page.context.close()


def _choose(page: Page, path: Path) -> None:
    page.locator("input[type=file]").set_input_files(path)


def _said(page: Page, text: str) -> None:
    told = page.locator(".q-notification").filter(has_text=text)
    expect(told.first).to_be_visible()
    said = told.first.inner_text()
    assert SECRET not in said and "pricelm-upload" not in said and "Traceback" not in said
    told.first.get_by_role("button", name="Close").click()
    expect(told).to_have_count(0)


def _refuse_files(shop: Shop, page: Page, folder: Path) -> None:
    wrong = {
        "binary.csv": (bytes(range(256)) * 40, "binary.csv"),
        "columns.csv": (b"sku,price\na,5\n", "unit_cost"),
        "rows.csv": (
            b"sku,price,unit_cost,units,own_price_elasticity\na,free,1,1,-2\n",
            "none of 1 products",
        ),
        "empty.csv": (b"", "is empty"),
        "program.exe": (b"MZ", "too large"),
        "large.csv": (b"sku,price\n" + b"a,1\n" * 2_100_000, "too large"),
    }
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    for name, (content, said) in wrong.items():
        (folder / name).write_bytes(content)
        _choose(page, folder / name)
        _said(page, said)
    # past the browser's own check: the service bounds every body, and a page takes its own uploads only
    cookies = {str(one["name"]): str(one["value"]) for one in page.context.cookies()}
    place = sent[0]
    files = {"file": ("large.csv", b"a" * 9_000_000)}
    for origin, status in ((shop.service.address, 413), ("https://evil.example", 413)):
        answer = httpx.post(place, files=files, cookies=cookies, headers={"Origin": origin})
        assert answer.status_code == status
    small = {"file": ("small.csv", b"sku,price\n")}
    for headers, jar in (
        ({"Origin": "https://evil.example"}, cookies),
        ({"Origin": shop.service.address}, {}),
    ):
        answer = httpx.post(place, files=small, cookies=jar, headers=headers)
        assert answer.status_code in (401, 403)


def _refuse_addresses(shop: Shop, page: Page, folder: Path) -> None:
    sqlite3.connect(folder / "other.db").execute("create table products (sku text, price real)").close()
    wrong = [
        ("not an address", "select 1", "Type an address"),
        (f"nosuchdb://shop:{SECRET}@localhost/shop", "select 1", "expected a database address"),
        (f"postgresql+psycopg://shop:{SECRET}@127.0.0.1:1/shop", "select 1", "cannot be read"),
        (f"sqlite:///{folder.name}-none.db", "select 1", "there is no database file"),
        (f"sqlite:///{folder / 'other.db'}", "select sku, price from products", "is empty"),
        (f"sqlite:///{folder / 'other.db'}", "drop table products", "returns rows"),
        (f"sqlite:///{folder / 'other.db'}", "", "expected a SQL query"),
    ]
    door = page.locator(".door").last
    for address, query, said in wrong:
        door.get_by_label("Address").fill(address)
        door.get_by_label("Query").fill(query)
        door.get_by_role("button", name="Read it").click()
        _said(page, said)
    assert not any(SECRET in str(line) for line in shop.service.lines())


def _take_file(shop: Shop, page: Page, folder: Path) -> None:
    """Cells that a spreadsheet would compute are texts, on the page and in what is exported."""
    frame = pd.read_csv(shop.products)
    frame["title"] = "plain"
    frame.loc[0, "sku"], frame.loc[0, "title"] = "=1+1", '=HYPERLINK("http://evil.example","click")'
    frame.loc[1, "title"] = "<img src=x onerror=alert(1)>"
    frame.to_csv(folder / "mine.csv", index=False)
    _choose(page, folder / "mine.csv")
    _show_all(page)
    [batch] = list_batches(shop.service.store)
    assert {one.sku for one in show_batch(shop.service.store, batch.batch)[1]} == set(frame["sku"])
    expect(page.locator("main")).to_contain_text("=HYPERLINK")
    assert page.locator("main img").count() == 0
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export CSV").click()
    with Path(waiting.value.path()).open(encoding="utf-8-sig") as exported:
        cells = [cell for row in csv.reader(exported) for cell in row]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert not any(cell.startswith(("=", "@")) for cell in cells)


def _take_database(shop: Shop, page: Page, folder: Path) -> None:
    with sqlite3.connect(folder / "products.db") as database:
        pd.read_csv(shop.products).to_sql("products", database, index=False)
    door = page.locator(".door").last
    door.get_by_label("Address").fill(f"sqlite:///{folder / 'products.db'}")
    door.get_by_label("Query").fill("select * from products")
    door.get_by_role("button", name="Read it").click()
    _show_all(page)


def _show_all(page: Page) -> None:
    """Show the recommendations of the new plan in every state."""
    page.get_by_role("combobox", name="State").click(timeout=20_000)
    page.get_by_role("option", name="All").click()
    expect(page.locator(".ag-center-cols-container .ag-row").first).to_be_visible()


@contextmanager
def _client(shop: Shop, name: str) -> Iterator[httpx.Client]:
    """Give a client of nobody, or of somebody who is logged in."""
    with httpx.Client(base_url=shop.service.address, follow_redirects=False) as client:
        if name:
            form = client.get("/console/login").text
            token = form.split('name="form" value="')[1].split('"')[0]
            given = {"form": token, "name": name, "password": PASSWORD}
            assert client.post("/console/login", data=given, headers=_here(shop)).status_code == 303
        yield client


def _here(shop: Shop) -> dict[str, str]:
    return {"Origin": shop.service.address}


def _paths() -> list[tuple[str, int, bool]]:
    """Return every path that is registered, the role that it needs, and whether it is a page."""
    places: list[ConsolePage | ConsoleData] = [*all_pages(), *all_data()]
    return [
        (
            re.sub(r"\{(\w+)(:path)?\}", lambda found: SAMPLES[found[1]], one.path),
            one.role,
            isinstance(one, ConsolePage),
        )
        for one in places
    ]


@pytest.mark.parametrize("name", ["", *ROLES])
def test_every_path_and_connection_as_nobody_and_as_each_role(shop: Shop, name: str) -> None:
    rank = ROLES.index(name) + 1 if name else 0
    with _client(shop, name) as client, _client(shop, "admin") as admin:
        for path, role, is_page in _paths():
            answer = client.get(f"/console{path}")
            if rank >= role:
                assert (path, answer.status_code) == (path, 200 if is_page else answer.status_code)
                assert answer.status_code in (200, 404)
            else:
                assert (path, answer.status_code) == (path, 403 if rank else 303)
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                refused = client.request(method, f"/console{path}", headers=_here(shop))
                assert (path, method, refused.status_code) == (path, method, 405 if rank else 401)
        theirs = _made_for(admin)
        paths = [f"client/{theirs}/upload/1", "client/none/upload/1", f"client/{theirs}/", "client/"]
        for path in paths:
            for method in ("GET", "POST"):
                answer = client.request(method, f"/console/_nicegui/{path}", headers=_here(shop))
                assert (path, answer.status_code) == (path, 403 if rank else 401)
        assert client.post("/console/_nicegui/anything", headers=_here(shop)).status_code == (
            405 if rank else 401
        )
        cookies = dict(client.cookies)
        assert not _connects(shop, theirs, cookies, shop.service.address)
        if rank:
            mine = _made_for(client)
            assert _connects(shop, mine, cookies, shop.service.address)
            for origin in ("https://evil.example", "", "null", f"{shop.service.address}.evil.example"):
                assert not _connects(shop, mine, cookies, origin)
            assert not _connects(shop, mine, {}, shop.service.address)
            assert not _connects(shop, mine, dict(admin.cookies), shop.service.address)
            assert not _connects(shop, mine, cookies, shop.service.address, place="other_ws")


def _made_for(client: httpx.Client) -> str:
    """Open a page and return the number of its connection."""
    found = CLIENT.search(client.get("/console/").text)
    assert found
    return found[1]


def _connects(
    shop: Shop, client_id: str, cookies: dict[str, str], origin: str, place: str = "_nicegui_ws/socket.io"
) -> bool:
    """Tell whether a connection for a page is let in."""
    address = shop.service.address.replace("http", "ws", 1)
    said = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    query = f"client_id={client_id}&EIO=4&transport=websocket"
    try:
        with connect(
            f"{address}/console/{place}/?{query}",
            origin=origin or None,
            additional_headers=said,  # type: ignore[arg-type]
        ):
            return True
    except InvalidStatus as refused:
        assert refused.response.status_code == 403
        return False


def test_every_kind_of_answer_has_the_security_headers(shop: Shop) -> None:
    with _client(shop, "viewer") as viewer, _client(shop, "") as nobody:
        page = viewer.get("/console/")
        static = re.findall(r'"(/console/_nicegui/[^"]+\.js)"', page.text)[0]
        answers = {
            "page": page,
            "data": viewer.get("/console/data/batches/1"),
            "static file": viewer.get(static),
            "picture": viewer.get("/console/favicon.ico"),
            "missing": viewer.get("/console/no-such-page"),
            "forbidden": viewer.get("/console/settings"),
            "method": viewer.post("/console/"),
            "log-in": nobody.get("/console/login"),
            "refused log-in": nobody.post("/console/login", data={"name": "x"}),
            "to the log-in": nobody.get("/console/"),
            "elsewhere": nobody.get("/console/login/elsewhere"),
            "back with nothing": nobody.get("/console/login/return?code=x&state=y"),
            "not logged in": nobody.get(static),
        }
    statuses = [one.status_code for one in answers.values()]
    assert statuses == [
        200,
        answers["data"].status_code,
        200,
        200,
        404,
        403,
        405,
        200,
        403,
        303,
        303,
        403,
        401,
    ]
    nonces = set()
    for kind, answer in answers.items():
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, kind
        assert answer.headers["x-content-type-options"] == "nosniff", kind
        assert answer.headers["x-frame-options"] == "DENY", kind
        assert answer.headers["referrer-policy"] == "same-origin", kind
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", kind
        assert "http" not in policy.replace("https", "http").split("script-src")[1].split(";")[0], kind
        nonces.add(policy.split("'nonce-")[1].split("'")[0])
        for cookie in answer.headers.get_list("set-cookie"):
            assert "HttpOnly" in cookie and "SameSite=lax" in cookie, kind
    assert len(nonces) == len(answers)


def test_nothing_is_asked_of_anybody_else(shop: Shop) -> None:
    page = shop.page("admin")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws", "http", 1)))
    for path, _, is_page in _paths():
        if is_page:
            page.goto(f"{shop.service.address}/console{path}")
            page.locator("main h1").first.wait_for()
    page.context.close()
    own = shop.service.address
    assert len(asked) > 50
    assert [one for one in asked if not one.startswith((f"{own}/", "data:", "blob:"))] == []


def test_somebody_comes_in_through_the_other_service(shop: Shop) -> None:
    elsewhere = shop.elsewhere
    elsewhere.reset()
    elsewhere.asks = True
    context = shop.browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto(f"{shop.service.address}/console/rules")
    save_picture(page, "login-elsewhere")
    page.get_by_role("link", name="company account").click()
    page.locator("#yes").click()
    expect(page.locator("main h1").first).to_have_text("Rules")
    page.get_by_role("button", name="Account").click()
    expect(page.locator(".account")).to_contain_text("maria")
    expect(page.locator(".account")).to_contain_text("Approver")
    page.get_by_text("Log out").click()
    expect(page.locator("#password")).to_be_visible()
    page.go_back()
    page.reload()
    expect(page.locator("#password")).to_be_visible()
    elsewhere.claims["groups"] = []
    page.get_by_role("link", name="company account").click()
    page.locator("#yes").click()
    expect(page.get_by_role("alert")).to_contain_text("no role")
    context.close()
    log = json.dumps(shop.service.lines())
    assert SECRET_THERE not in log and "code=" not in log and verify_audit(shop.service.store).ok


def test_the_demo_starts_says_how_to_log_in_and_stays_on_this_machine(
    shop: Shop, fast_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = _free_port()
    # the model that it would train first
    shutil.copytree(fast_bundle, tmp_path / "demo-console" / "model")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PRICELM_")},
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pricelm", "serve", "--demo", "--port", str(port)]
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, ["serve", "--demo", "--host", "0.0.0.0"])
    assert refused.exit_code == 2 and "everybody knows its passwords" in refused.stderr
    assert not (tmp_path / "demo-console" / "store.db").exists()
    log = tmp_path / "log"
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=tmp_path, env=environment)
    try:
        wait_until(lambda: _answers(port), 120)
        text = log.read_text("utf-8")
        assert f"http://localhost:{port}/console/" in text and DEMO_PASSWORD in text and "max (admin)" in text
        page = shop.browser.new_page()
        page.goto(f"http://localhost:{port}/")
        page.fill("#name", "ben")
        page.fill("#password", DEMO_PASSWORD)
        page.click("button")
        expect(page.locator(".ag-center-cols-container .ag-row").first).to_be_visible(timeout=20_000)
        page.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready").is_success
    except httpx.TransportError:
        return False
