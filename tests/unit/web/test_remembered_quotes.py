"""What the service keeps of what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pricelm.services.quote_log import recorded_quotes
from pricelm.services.review_queue import review_queue
from tests.unit.web.conftest import Client

LAMP = {"title": "red wooden lamp no 5", "brand": "Acme", "category": "Home/Lamp", "listing_id": "L-5"}
CUP = {"name": "green plastic cup no 3", "maker": "Borg", "group": "Home/Cup", "weight_kg": 0.6}


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 60))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("memory", "recorded", "queued"), [("off", 0, 0), ("review-only", 0, 2), ("on", 4, 2)]
)
def test_quotes_and_known_prices_are_kept_as_it_is_set(
    client: Client, tmp_path: Path, memory: str, recorded: int, queued: int
) -> None:
    store = f"sqlite:///{tmp_path / 'store.db'}"
    metrics = ""

    async def body() -> None:
        nonlocal metrics
        async with client(record_quotes=memory) as http:
            answer = await http.post("/v1/quotes", json={"listings": [LAMP, CUP]})
            assert answer.status_code == 200
            outcomes = [{"listing": LAMP, "price": 90_000}, {"listing": {"title": ""}, "price": 5}]
            known = await http.post("/v1/outcomes", json={"outcomes": outcomes})
            assert known.status_code == 200
            inputs = [{"name": "name", "shape": [1], "datatype": "BYTES", "data": ["green cup"]}]
            assert (await http.post("/v2/models/price/infer", json={"inputs": inputs})).status_code == 200
            http.app.state.recorder.close()  # type: ignore[attr-defined]
            metrics = (await http.get("/metrics")).text

    run(body)
    found = recorded_quotes(store)
    assert len(found) == recorded and {one.actor for one in found} <= {"local"}
    assert {one.model_version for one in found} <= {1}
    items = review_queue(store)
    assert len(items) == queued
    if items:
        assert (items[0].kind, items[0].listing_id) == ("suspicious", "L-5")
        assert items[0].listing["title"] == LAMP["title"] and items[0].listing["price"] == 90_000
        # only its words are known, and the part that reads attributes says something else
        assert items[1].listing["title"] == "green cup" and "disagree" in items[1].reason
        assert 'pricelm_remembered_quotes_total{fate="queued"} 2.0' in metrics
    if recorded:
        assert f'pricelm_remembered_quotes_total{{fate="written"}} {recorded}.0' in metrics
