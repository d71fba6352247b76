"""What the log and the metrics tell whoever is on call."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

import pricelm.storage.tables  # noqa: F401  (rows that name each other need all tables)
from pricelm.core.errors import BundleError, StoreError
from pricelm.services.bootstrap import Service, prepare_service
from pricelm.services.service_settings import read_settings
from pricelm.storage.audit import write_audit
from pricelm.storage.base import utc_now
from pricelm.storage.database import open_store
from pricelm.storage.documents import put_document
from pricelm.storage.prices import Delivery, add_changes, add_delivery
from pricelm.storage.reviews import add_review_items
from pricelm.storage.sessions import add_session
from pricelm.storage.users import add_user
from pricelm.web.api import app as application
from pricelm.web.api.logs import JsonLines
from tests.unit.web.conftest import Client


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 60))  # type: ignore[arg-type]


def fill(url: str) -> None:
    """Add two sessions of which one is over, an interrupted delivery of two prices, and three listings."""
    store = open_store(url)
    with store.writing() as session:
        user = add_user(session, "maria", "admin", "hash").user
        add_session(session, "a" * 64, user, utc_now() + timedelta(hours=1))
        add_session(session, "b" * 64, user, utc_now() - timedelta(seconds=1))
        document = put_document(session, "listing", "{}")
        one = {"kind": "abstained", "listing_id": "1", "document": document, "reason": "unsure"}
        add_review_items(session, [one] * 3)
        delivery = add_delivery(session, "apply", "batch 1", "prices.csv", "maria")
        session.get_one(Delivery, delivery).created = utc_now() - timedelta(minutes=10)
        change = {"batch": None, "recommendation": None, "old_price": 1, "new_price": 2, "currency": "EUR"}
        add_changes(session, delivery, "apply", [change | {"sku": sku, "key": sku} for sku in "xy"])
    store.close()


def numbers(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_what_waits_in_the_store_is_counted(client: Client, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    fill(url)

    async def body() -> None:
        async with client(console="off") as http:
            await asyncio.sleep(0.3)
            read = numbers((await http.get("/metrics")).text)
            expected = {
                "pricelm_store_reachable": 1,
                "pricelm_console_sessions": 1,
                "pricelm_console_pages": 0,
                "pricelm_deliveries_unfinished": 1,
                "pricelm_prices_on_their_way": 2,
                "pricelm_review_items": 3,
            }
            assert {name: read[name] for name in expected} == expected
            assert 600 <= read["pricelm_delivery_oldest_seconds"] < 700
            age = utc_now().timestamp() - read["pricelm_active_model_registered_timestamp_seconds"]
            assert 0 <= age < 120

    run(body)


def test_a_lost_store_is_told_once_and_its_return_too(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    follow, lost = Service.follow, True

    async def maybe(self: Service) -> None:
        if lost:
            raise StoreError("the store cannot be used")
        await follow(self)

    monkeypatch.setattr(Service, "follow", maybe)
    monkeypatch.setattr(application, "_COUNTED_EVERY_SECONDS", 0.0)

    async def body() -> None:
        nonlocal lost
        async with client() as http:
            await asyncio.sleep(0.3)
            assert numbers((await http.get("/metrics")).text)["pricelm_store_reachable"] == 0
            lost = False
            await asyncio.sleep(0.3)
            assert numbers((await http.get("/metrics")).text)["pricelm_store_reachable"] == 1

    with caplog.at_level(logging.INFO, logger="pricelm"):
        run(body)
    told = [one.getMessage() for one in caplog.records if one.name == "pricelm.service"]
    assert [one for one in told if one.startswith("store")] == ["store not readable", "store readable again"]


def test_a_start_on_a_broken_active_version_says_what_is_broken(fast_bundle: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(fast_bundle, tmp_path / "model")
    settings = read_settings(store=f"sqlite:///{tmp_path / 'store.db'}")
    assert prepare_service(settings, bundle) == prepare_service(settings, None)
    (bundle / "members" / "tabular" / "trees.txt").write_text("tree", "utf-8")
    with pytest.raises(BundleError, match=r"trees\.txt .* cut short or changed"):
        prepare_service(settings, None)


def test_what_is_kept_in_the_audit_log_is_logged_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with caplog.at_level(logging.INFO, logger="pricelm"):
        with store.writing() as session:
            write_audit(session, "maria", "approve", "batch 7", {"reason": "a secret reason"})
            assert not caplog.records
        with pytest.raises(ZeroDivisionError), store.writing() as session:
            write_audit(session, "maria", "reject", "batch 7")
            raise ZeroDivisionError
        with store.writing() as session:
            write_audit(session, "ben", "reject", "batch 7")
    store.close()
    lines = [json.loads(JsonLines().format(one)) for one in caplog.records]
    own = [{name: value for name, value in line.items() if name != "time"} for line in lines]
    same = {"level": "info", "event": "audit", "subject": "batch 7"}
    assert own == [
        {**same, "caller": "maria", "action": "approve", "entry": 1},
        {**same, "caller": "ben", "action": "reject", "entry": 2},
    ]
