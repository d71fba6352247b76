"""kill -9 in the middle of handing over 10,000 prices: after the restart each is there exactly once."""

from __future__ import annotations

import csv
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from pricelm.core.errors import ConfigError, DeliveryError
from pricelm.services.applying import apply_batch, give_up_apply
from pricelm.services.approving import show_batch
from pricelm.services.auditing import show_audit, verify_audit
from pricelm.services.price_targets import TableTarget, WebhookTarget, open_target
from pricelm.services.rolling_back import RollbackScope, roll_back
from pricelm.storage.database import open_store
from pricelm.storage.prices import count_pending
from tests.postgres import PostgresServer
from tests.price_shop import PriceShop, opened_shop
from tests.store_samples import BEN, add_plan, child_command

COUNT = 10_000
CHILD = """
import os, signal, sys
from pricelm.services import delivering
from pricelm.services.applying import apply_batch
from pricelm.services.price_targets import open_target
from pricelm.services.service_keys import Caller, Role
url, target, moment, chunk = sys.argv[1:]
calls = 0

def killing(function, when):
    def wrapped(*given):
        global calls
        calls += 1
        if when == "before" and calls == int(chunk):
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*given)
        if when == "after" and calls == int(chunk):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapped

if moment == "handed over":
    delivering._mark = killing(delivering._mark, "before")
elif moment == "half marked":
    delivering.set_states = killing(delivering.set_states, "after")
elif moment == "closing":
    delivering.finish_delivery = killing(delivering.finish_delivery, "after")
print("ready", flush=True)
apply_batch(url, 1, open_target(target), Caller("ben", Role.approver))
"""


def killed_at(url: str, target: str, moment: str, chunk: int) -> None:
    """Apply in a process that kills itself at a moment."""
    died = subprocess.run(
        child_command(CHILD, url, target, moment, str(chunk)), capture_output=True, timeout=120
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()


def killed_from_outside(url: str, target: str) -> None:
    """Apply in a process that is killed as soon as some more prices are marked."""
    process = subprocess.Popen(child_command(CHILD, url, target, "", "0"))
    store = open_store(url)
    try:
        with store.reading() as session:
            at_first = count_pending(session)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with store.reading() as session:
                if count_pending(session) < at_first:
                    break
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
        store.close()


def rows_of(target: str) -> list[tuple[str, float]]:
    url, _, table = target.partition("#")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = [
            (sku, float(price)) for sku, price in connection.execute(text(f"select sku, price from {table}"))
        ]
    engine.dispose()
    return found


def test_ten_thousand_prices_and_four_kills(
    store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shop = f"sqlite:///{tmp_path / 'shop.db'}"
    if store_url.startswith("postgresql"):
        server: PostgresServer = request.getfixturevalue("postgres")
        shop = server.new_database()
    target = f"{shop}#prices"
    wanted = [(f"sku-{number}", 10.0 + number % 7 / 4) for number in range(COUNT)]
    add_plan(store_url, [(sku, 9.5, price) for sku, price in wanted], state="approved")
    killed_at(store_url, target, "handed over", 3)
    assert len(rows_of(target)) == 1_500
    with pytest.raises(ConfigError, match="go on there first"):
        apply_batch(store_url, 1, open_target(str(tmp_path / "other.csv")), BEN)
    killed_at(store_url, target, "half marked", 4)
    killed_from_outside(store_url, target)
    killed_at(store_url, target, "closing", 1)
    result = apply_batch(store_url, 1, open_target(target), BEN)
    assert result.handed_over == 0 and result.before == COUNT
    assert sorted(rows_of(target)) == sorted(wanted)
    batch, rows = show_batch(store_url, 1)
    assert batch.states == {"applied": COUNT} and len(rows) == COUNT
    told = [
        change
        for one in show_audit(store_url, 100)
        if one.action == "apply"
        for change in one.details["changes"]
    ]
    assert Counter(change[1] for change in told) == dict.fromkeys((sku for sku, _ in wanted), 1)
    assert verify_audit(store_url).ok
    assert apply_batch(store_url, 1, open_target(target), BEN).delivery is None


def test_two_who_apply_at_once_hand_over_and_write_down_once(store_url: str, tmp_path: Path) -> None:
    """Both find the same prices pending, and what one has marked the other leaves alone."""
    target = f"sqlite:///{tmp_path / 'shop.db'}#prices"
    add_plan(store_url, [(f"sku-{number}", 4.0, 4.2) for number in range(600)], state="approved")
    killed_at(store_url, target, "handed over", 1)
    both = threading.Barrier(2)
    failures: list[BaseException] = []

    class Waiting(TableTarget):
        def begin(self, prices: Any) -> None:
            both.wait(30)

    def run() -> None:
        try:
            apply_batch(store_url, 1, Waiting(*target.split("#")), BEN)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and len(rows_of(target)) == 600
    told = [
        change[1]
        for one in show_audit(store_url)
        if one.action == "apply"
        for change in one.details["changes"]
    ]
    assert len(told) == len(set(told)) == 600


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "prices.csv"
    add_plan(url, [(f"sku-{number}", 4.0, 4.2) for number in range(1_200)], state="approved")
    killed_at(url, str(file), "handed over", 1)
    first = file.read_bytes()
    killed_at(url, str(file), "half marked", 2)
    assert apply_batch(url, 1, open_target(str(file)), BEN).before == 500
    assert file.read_bytes() == first
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    assert len({row["change_key"] for row in rows}) == len({row["sku"] for row in rows}) == len(rows) == 1_200


@pytest.fixture
def shop() -> Iterator[PriceShop]:
    """A shop on this machine."""
    with opened_shop() as server:
        yield server


def test_a_webhook_is_asked_again_with_the_same_key(shop: PriceShop, tmp_path: Path) -> None:
    url, pauses = f"sqlite:///{tmp_path / 's.db'}", list[float]()
    add_plan(url, [("a", 4.0, 4.2), ("b", 4.0, 4.4)], state="approved")
    shop.failures = [503, 0, 429]
    target = WebhookTarget(shop.address, pauses.append)
    assert apply_batch(url, 1, target, BEN).handed_over == 2
    assert sorted((one["sku"], one["price"]) for one in shop.prices.values()) == [("a", 4.2), ("b", 4.4)]
    assert len(shop.asked) == 5 and len(set(shop.asked)) == 2 and pauses == [0.5, 1.0, 2.0]


def test_a_webhook_that_refuses_keeps_what_it_took_and_goes_on(shop: PriceShop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    add_plan(url, [("a", 4.0, 4.2), ("b", 4.0, 4.4), ("c", 4.0, 4.6)], state="approved")
    shop.failures = [200, 422, 422]
    with pytest.raises(DeliveryError, match="'b' \\(status 422\\)"):
        apply_batch(url, 1, WebhookTarget(shop.address), BEN)
    assert [one.state for one in show_batch(url, 1)[1]] == ["applied", "applying", "applying"]
    assert apply_batch(url, 1, WebhookTarget(shop.address), BEN).handed_over == 2
    assert len(shop.prices) == 3
    shop.failures = [422]
    with pytest.raises(DeliveryError):
        roll_back(url, RollbackScope(batch=1), WebhookTarget(shop.address), BEN)


def test_an_interrupted_delivery_is_given_up(shop: PriceShop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    add_plan(url, [("a", 4.0, 4.2), ("b", 4.0, 4.4)], state="approved")
    shop.failures = [200, 400, 400]
    with pytest.raises(DeliveryError):
        apply_batch(url, 1, WebhookTarget(shop.address), BEN)
    assert give_up_apply(url, 1, BEN) == 1
    assert [one.state for one in show_batch(url, 1)[1]] == ["applied", "approved"]
    assert apply_batch(url, 1, open_target(str(tmp_path / "rest.csv")), BEN).handed_over == 1
    with pytest.raises(ConfigError, match="nothing to give up"):
        give_up_apply(url, 1, BEN)


@pytest.mark.parametrize(
    "target",
    ["prices.xlsx", "http://user:secret@shop/", "ftp://shop/x", "sqlite:///x.db#drop table", "https://"],
)
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_target(target)
    assert "secret" not in str(caught.value)
