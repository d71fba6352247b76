"""kill -9 of the server in the middle of a delivery begun in the console: each price goes out once.

``PRICELM_KILL_PRICES=10000`` sends as many prices, to every kind of target.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import create_engine, text

from pricelm.services.approving import show_batch
from pricelm.services.auditing import show_audit, verify_audit
from pricelm.services.interrupted import open_deliveries
from pricelm.services.price_targets import open_target
from pricelm.storage.database import open_store
from tests.e2e.console_browser import add_users, logged_in, opened_browser, save_picture
from tests.e2e.service_process import ServiceProcess, wait_until
from tests.postgres import PostgresServer
from tests.price_shop import opened_shop
from tests.store_samples import add_plan

COUNT = int(os.environ.get("PRICELM_KILL_PRICES", "1200"))
MIDDLE = COUNT * 3 // 7
AT_ONCE = 500
CASES = [("sqlite", "webhook"), ("postgresql", "table")]
if COUNT >= 10_000:
    # the moment is found by looking, and fewer prices would be through before anybody looks
    CASES += [("postgresql", "webhook"), ("sqlite", "file")]


@dataclass(frozen=True)
class Scene:
    """A place that prices go to: its name, how to wait for the middle, and what has arrived.

    ``go_on`` lets it answer again, and ``extra`` says how many prices came a second time, with the key that
    they had before.
    """

    target: str
    wait_for_the_middle: Callable[[], None]
    taken: Callable[[], list[tuple[str, float]]]
    go_on: Callable[[], object] = lambda: None
    extra: Callable[[], int] = lambda: 0


@contextmanager
def webhook(store: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Stop in the middle of a request: the price was taken, and the answer never comes."""
    reached, over = threading.Event(), threading.Event()

    def told(count: int) -> None:
        if count == MIDDLE:
            reached.set()
            over.wait(60)

    with opened_shop() as shop:
        shop.told = told
        try:
            yield Scene(
                shop.address,
                lambda: wait_until(reached.is_set),
                lambda: [(one["sku"], one["price"]) for one in shop.prices.values()],
                over.set,
                lambda: len(shop.asked) - len(shop.prices),
            )
        finally:
            over.set()


@contextmanager
def table(store: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Stop in the middle of a transaction of the target: the database keeps one price waiting."""
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    with open_target(f"{url}#prices"):
        pass
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))

    def waits() -> bool:
        query = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
        with engine.connect() as connection:
            return bool(connection.scalar(query))

    def taken() -> list[tuple[str, float]]:
        with engine.connect() as connection:
            rows = connection.execute(text("select sku, price from prices"))
            return [(sku, float(price)) for sku, price in rows]

    with engine.connect() as holder:
        holder.execute(
            text(
                "create function wait() returns trigger language plpgsql as $$ begin "
                f"if new.sku = 'sku-{MIDDLE}' then perform pg_advisory_xact_lock(7); end if; "
                "return new; end $$; "
                "create trigger wait before insert on prices for each row execute function wait()"
            )
        )
        holder.commit()
        holder.execute(text("select pg_advisory_lock(7)"))
        release = text("select pg_advisory_unlock(7)")
        yield Scene(f"{url}#prices", lambda: wait_until(waits), taken, lambda: holder.execute(release))
    engine.dispose()


@contextmanager
def file(store: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Look until some prices are marked."""
    sent = folder / "sent"
    sent.mkdir()

    opened = open_store(store)

    def wait() -> None:
        deadline = time.monotonic() + 120
        while not any(one.sent for one in open_deliveries(opened)):
            assert time.monotonic() < deadline, "no price was marked, or all were before anybody looked"
            time.sleep(0.002)

    def taken() -> list[tuple[str, float]]:
        [only] = sent.iterdir()
        rows = pd.read_csv(only)
        return list(zip(rows["sku"], rows["price"], strict=True))

    yield Scene(str(sent), wait, taken)
    opened.close()


SCENES: dict[str, Callable[..., AbstractContextManager[Scene]]] = {
    "webhook": webhook,
    "table": table,
    "file": file,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as opened:
        yield opened


@pytest.mark.parametrize(("database", "kind"), CASES)
def test_each_price_goes_out_once_though_the_server_is_killed(
    browser: Browser,
    fast_bundle: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    database: str,
    kind: str,
) -> None:
    store = f"sqlite:///{tmp_path / 'store.db'}"
    if database == "postgresql":
        store = request.getfixturevalue("postgres").new_database()
    wanted = sorted((f"sku-{number}", 10.0 + number % 7 / 4) for number in range(COUNT))
    add_users(store)
    add_plan(store, [(sku, 9.5, price) for sku, price in wanted], state="approved")
    with SCENES[kind](store, tmp_path, request) as scene:
        _send_and_kill(
            browser, ServiceProcess(fast_bundle, tmp_path, store=store, price_target=scene.target), scene
        )
        scene.go_on()
        before = len(scene.taken())
        [interrupted] = open_deliveries(store)
        assert interrupted.total == COUNT and interrupted.sent < COUNT and before >= interrupted.sent
        _finish(
            browser,
            ServiceProcess(fast_bundle, tmp_path, store=store, price_target=scene.target),
            interrupted.sent,
        )
        assert sorted(scene.taken()) == wanted and scene.extra() <= AT_ONCE
        print(
            f"{COUNT:,} prices from {database} to a {kind}: killed with {before:,} taken and "
            f"{interrupted.sent:,} marked; after it {len(scene.taken()):,} taken, {scene.extra()} keys twice"
        )
    batch, _ = show_batch(store, 1)
    assert batch.states == {"applied": COUNT} and open_deliveries(store) == []
    told = Counter(
        change[1]
        for one in show_audit(store, 100)
        if one.action == "apply"
        for change in one.details["changes"]
    )
    assert told == dict.fromkeys((sku for sku, _ in wanted), 1) and verify_audit(store).ok


def _send_and_kill(browser: Browser, service: ServiceProcess, scene: Scene) -> None:
    with service:
        page = logged_in(browser, service.address, "approver")
        button = page.get_by_role("button", name=f"Send {COUNT} prices")
        expect(button).to_be_enabled()
        button.click()
        page.locator(".dialog .q-btn").last.click()
        scene.wait_for_the_middle()
        service.process.send_signal(signal.SIGKILL)
        assert service.process.wait(60) == -signal.SIGKILL
        page.context.close()


def _finish(browser: Browser, service: ServiceProcess, sent: int) -> None:
    with service:
        viewer = logged_in(browser, service.address, "viewer")
        expect(viewer.locator(".delivery")).to_contain_text(f"interrupted: {sent:,} of {COUNT:,} prices")
        expect(viewer.locator(".delivery button")).to_have_count(0)
        viewer.context.close()
        page = logged_in(browser, service.address, "approver")
        line = page.locator(".delivery")
        expect(line).to_contain_text("approver began it")
        save_picture(page, "interrupted")
        line.get_by_role("button", name="Finish").click()
        expect(page.locator(".q-notification")).to_contain_text(
            f"{COUNT - sent:,} prices sent, {sent:,} had gone before", timeout=120_000
        )
        expect(line).to_have_count(0)
        assert page.complaints == []  # type: ignore[attr-defined]
        page.context.close()
