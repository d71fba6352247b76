"""What the service answers, route by route, and how it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

import pricelm
from pricelm import PriceModel, load_model
from pricelm.core.errors import Overloaded
from pricelm.models.shop_bands import ShopBands
from pricelm.services.model_registry import ModelRegistry
from pricelm.services.service_keys import Caller, Role, add_key, list_keys, revoke_key
from pricelm.web.api.guard import Guard
from pricelm.web.api.logs import CarefulHandler, JsonLines
from pricelm.web.api.problems import KINDS, ProblemError
from tests.generated_listings import ROLE_NAMES, listings_frame
from tests.unit.web.conftest import Client

LAMP = {"title": "red wooden lamp no 5", "brand": "Acme", "category": "Home/Lamp"}
SOFA = {"name": "black marble sofa no 7", "maker": "Borg", "sku": "S-1"}


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 60))  # type: ignore[arg-type]


def store_of(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second model, which says other prices."""
    frame = listings_frame(120, seed=5)
    frame["cost"] *= 3
    model = PriceModel("fast", columns=dict(ROLE_NAMES)).fit(frame)
    return model.save(tmp_path_factory.mktemp("other") / "model")


def is_problem(response: httpx.Response, kind: str) -> dict[str, Any]:
    status, title = KINDS[kind]
    document: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, document["status"], document["title"]) == (status, status, title), document
    assert document["type"] == f"urn:pricelm:problem:{kind}"
    assert document["request_id"] == response.headers["x-request-id"]
    assert document["detail"]
    return document


def test_quotes_are_those_of_the_model(client: Client, fast_bundle: Path) -> None:
    async def body() -> None:
        async with client() as http:
            got = (await http.post("/v1/quotes", json={"listings": [LAMP, SOFA], "comparables": 2})).json()
        model = load_model(fast_bundle)
        frame = pd.DataFrame(
            {
                "name": [LAMP["title"], SOFA["name"]],
                "maker": ["Acme", "Borg"],
                "group": ["Home/Lamp", None],
                "sku": [None, "S-1"],
            }
        )
        for answer, quote in zip(got["quotes"], model.quote(frame, comparables=2), strict=True):
            estimate = quote.estimate
            assert answer["predicted_price"] == pytest.approx(estimate.predicted_price)
            assert answer["interval"]["lower"] == pytest.approx(estimate.interval.lower)
            assert answer["interval"]["upper"] == pytest.approx(estimate.interval.upper)
            assert [one["title"] for one in answer["comparables"]] == [one.title for one in quote.comparables]
            assert answer["model_version"] == 1
        assert [answer["listing_id"] for answer in got["quotes"]] == ["", "S-1"]

    run(body)


def test_what_is_asked_for_is_given(client: Client, fast_bundle: Path) -> None:
    async def body() -> None:
        async with client() as http:
            request = {"listings": [LAMP, {}], "confidence_level": 0.5, "model_version": 1}
            half, empty = (await http.post("/v1/quotes", json=request)).json()["quotes"]
            bare = (await http.post("/v1/quotes", json={"listings": [LAMP], "interval": False})).json()
        ends = load_model(fast_bundle).predict_interval(
            pd.DataFrame({"name": [LAMP["title"]], "maker": ["Acme"], "group": ["Home/Lamp"]}), 0.5
        )
        assert half["interval"] == pytest.approx(
            {"lower": ends[0, 0], "upper": ends[0, 1], "confidence_level": 0.5}
        )
        assert (empty["predicted_price"], empty["interval"], empty["abstained"]) == (None, None, True)
        assert "no text" in empty["reason"]
        assert bare["quotes"][0]["interval"] is None
        assert bare["quotes"][0]["comparables"] == []

    run(body)


def test_a_band_is_named_where_the_model_knows_them(client: Client, tmp_path: Path) -> None:
    async def body() -> None:
        bands = ShopBands(("cheap", "dear"), (30.0,))
        model = PriceModel("fast", columns=dict(ROLE_NAMES), bands=bands).fit(listings_frame(100))
        heavy = {"title": "black marble sofa no 7", "weight_kg": 45.0}
        request = {"listings": [{"title": "red plastic cup no 5", "weight_kg": 0.5}, heavy], "band": True}
        async with client(bundle=model.save(tmp_path / "banded")) as http:
            cheap, dear = (await http.post("/v1/quotes", json=request)).json()["quotes"]
            bare = (await http.post("/v1/quotes", json={"listings": [heavy]})).json()["quotes"][0]
        assert cheap["band"] == {"name": "cheap", "lower": 0.0, "upper": 30.0}
        assert dear["band"] == {"name": "dear", "lower": 30.0, "upper": None}
        assert bare["band"] is None

    run(body)


def test_a_thousand_listings_and_no_more(client: Client) -> None:
    async def body() -> None:
        async with client() as http:
            many = [{"title": f"red wooden lamp no {n}"} for n in range(1001)]
            whole = await http.post("/v1/quotes", json={"listings": many[:1000]})
            assert len(whole.json()["quotes"]) == 1000
            document = is_problem(await http.post("/v1/quotes", json={"listings": many}), "invalid")
            assert document["errors"][0]["column"] == "listings"
            is_problem(await http.post("/v1/quotes", json={"listings": []}), "invalid")

    run(body)


@pytest.mark.parametrize(
    ("listing", "column", "words"),
    [
        ({"titel": "x"}, "titel", "did you mean title"),
        ({"title": {"a": 1}}, "title", "got a JSON object"),
        ({"title": ["a"]}, "title", "got a JSON list"),
        ({"title": "x", "name": "y"}, "name", "given twice"),
        ({"weight_kg": 10**30}, "weight_kg", "below 2^63"),
        ({"title": "x" * 100_001}, "title", "100,000 characters"),
        ({"title": "half \ud83d"}, "title", "half of a character"),
        ({"cost": 5}, "cost", "no such field"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(
    client: Client, listing: dict[str, Any], column: str, words: str
) -> None:
    async def body() -> None:
        async with client() as http:
            content = json.dumps({"listings": [LAMP, listing]})
            response = await http.post(
                "/v1/quotes", content=content, headers={"content-type": "application/json"}
            )
            error = is_problem(response, "invalid")["errors"][0]
            assert (error["row"], error["column"]) == (1, column)
            assert words in error["message"]

    run(body)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "invalid"),
        (b"{", "bad-request"),
        (b"[]", "invalid"),
        (b"null", "invalid"),
        (b'{"listings": 5}', "invalid"),
        (b'{"listings": [5]}', "invalid"),
        (b'{"listings": [{}], "surprise": 1}', "invalid"),
        (b'{"listings": [{"weight_kg": NaN}]}', "invalid"),
        (b'{"listings": [{"weight_kg": 1e999}]}', "invalid"),
        (b"\xff\xfe{}", "bad-request"),
        (b"[" * 100_000, "bad-request"),
        (b'{"listings": [{"weight_kg": ' + b"9" * 5000 + b"}]}", "bad-request"),
        (b'{"listings": [{}], "comparables": "many"}', "invalid"),
        (b'{"listings": [{}], "confidence_level": 7}', "invalid"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_body_that_is_wrong_is_refused(client: Client, content: bytes, kind: str) -> None:
    async def body() -> None:
        async with client() as http:
            headers = {"content-type": "application/json"}
            is_problem(await http.post("/v1/quotes", content=content, headers=headers), kind)

    run(body)


def test_other_refusals_are_problems_too(client: Client) -> None:
    async def body() -> None:
        async with client(body_bytes=2048) as http:
            is_problem(await http.get("/nowhere"), "not-found")
            is_problem(await http.get("/v1/quotes"), "method-not-allowed")
            plain = await http.post("/v1/quotes", content=b"{}", headers={"content-type": "text/plain"})
            is_problem(plain, "media-type")
            big = {"listings": [{"title": "x" * 3000}]}
            is_problem(await http.post("/v1/quotes", json=big), "too-large")

            async def chunks() -> Any:
                for _ in range(100):
                    yield b"x" * 1000

            is_problem(await http.post("/v1/quotes", content=chunks()), "too-large")
            late = {"listings": [LAMP], "model_version": 9}
            is_problem(await http.post("/v1/quotes", json=late), "not-found")
            is_problem(await http.get("/v2/models/other"), "not-found")

    run(body)


def test_words_explain_a_price(client: Client, fast_bundle: Path) -> None:
    async def body() -> None:
        async with client() as http:
            got = (await http.post("/v1/explanations", json={"listings": [LAMP, SOFA]})).json()
        model = load_model(fast_bundle)
        frame = pd.DataFrame(
            {"name": [LAMP["title"], SOFA["name"]], "maker": ["Acme", "Borg"], "group": ["Home/Lamp", None]}
        )
        for one, effects in zip(
            got["explanations"],
            pricelm.explain_words(model, frame, model.columns_, max_words=30),
            strict=True,
        ):
            assert {word["word"]: word["effect"] for word in one["words"]} == pytest.approx(
                {effect.word: effect.effect for effect in effects}, abs=1e-9
            )

    run(body)


def test_the_open_inference_protocol_says_the_same(client: Client) -> None:
    async def body() -> None:
        async with client() as http:
            plain = (await http.post("/v1/quotes", json={"listings": [LAMP, SOFA]})).json()["quotes"]
            tensors = [
                {"name": "name", "shape": [2], "datatype": "BYTES", "data": [LAMP["title"], SOFA["name"]]},
                {"name": "brand", "shape": [2, 1], "datatype": "BYTES", "data": [["Acme"], ["Borg"]]},
                {"name": "group", "shape": [2], "datatype": "BYTES", "data": ["Home/Lamp", None]},
            ]
            got = (await http.post("/v2/models/price/infer", json={"id": "7", "inputs": tensors})).json()
            outputs = {one["name"]: one["data"] for one in got["outputs"]}
            assert outputs["predicted_price"] == [one["predicted_price"] for one in plain]
            assert outputs["price_upper"] == [one["interval"]["upper"] for one in plain]
            assert (got["id"], got["model_name"], got["model_version"]) == ("7", "price", "1")
            meta = (await http.get("/v2/models/price")).json()
            assert {"name": "weight_kg", "datatype": "FP64", "shape": [-1]} in meta["inputs"]
            assert "cost" not in {one["name"] for one in meta["inputs"]}
            for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/price/ready"):
                assert (await http.get(path)).status_code == 200
            is_problem(await http.get("/v2/models/price/versions/3/ready"), "not-found")
            assert (await http.post("/v2/models/price/versions/1/infer", json={"inputs": tensors})).is_success

            def one(**changed: Any) -> dict[str, Any]:
                return {"inputs": [tensors[0] | changed]}

            for wrong in (
                one(shape=[3]),
                one(datatype="FP16"),
                one(data=[1, 2]),
                one(datatype="INT64", data=[True, False]),
                {"inputs": [tensors[0], tensors[0]]},
                one(data=[None, None]),
                {"inputs": tensors, "outputs": [{"name": "margin"}]},
            ):
                is_problem(await http.post("/v2/models/price/infer", json=wrong), "invalid")

    run(body)


def test_keys_and_roles(client: Client, tmp_path: Path) -> None:
    async def body() -> None:
        viewer = add_key(store_of(tmp_path), "shop", "viewer", "test")
        approver = add_key(store_of(tmp_path), "boss", "approver", "test")
        async with client() as http:
            is_problem(await http.post("/v1/quotes", json={"listings": [LAMP]}), "unauthorized")
            for wrong in ("x", viewer[:-1] + "?", viewer[:17] + "A" * 43, approver[:17] + viewer[17:]):
                response = await http.get("/v1/models", headers={"Authorization": f"Bearer {wrong}"})
                is_problem(response, "unauthorized")
                assert response.headers["www-authenticate"] == "Bearer"
            for headers in ({"Authorization": f"Bearer {viewer}"}, {"X-API-Key": viewer}):
                assert (await http.get("/v1/models", headers=headers)).is_success
            is_problem(await http.post("/v1/models/rollback", headers={"X-API-Key": viewer}), "forbidden")
            is_problem(await http.get("/metrics"), "unauthorized")
            assert (await http.get("/health")).is_success
            is_problem(await http.post("/v1/models/rollback", headers={"X-API-Key": approver}), "conflict")
            key_id = viewer.split("_")[1]
            revoke_key(store_of(tmp_path), key_id, "test")
            for _ in range(100):
                if (await http.get("/v1/models", headers={"X-API-Key": viewer})).status_code == 401:
                    break
                await asyncio.sleep(0.05)
            else:
                raise AssertionError("a revoked key still works")

    run(body)


def test_the_store_keeps_no_secret(tmp_path: Path) -> None:
    key = add_key(store_of(tmp_path), "shop", "viewer", "test")
    secret = key.split("_", 2)[2]
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("store.db*"))
    assert key.split("_")[1].encode() in stored
    assert secret.encode() not in stored
    assert secret not in repr(list_keys(store_of(tmp_path)))


def test_without_keys_only_this_machine_is_answered(client: Client) -> None:
    async def body() -> None:
        async with client() as http:
            request: dict[str, Any] = {"json": {"listings": [LAMP]}}
            assert (await http.post("/v1/quotes", **request)).is_success
            rebound = await http.post("/v1/quotes", headers={"Host": "evil.example"}, **request)
            is_problem(rebound, "forbidden")
            page = await http.post("/v1/models/rollback", headers={"Origin": "https://evil.example"})
            is_problem(page, "forbidden")

    run(body)


def test_a_rate_is_paid_back_by_waiting() -> None:
    now = [50.0]
    guard = Guard({}, is_loopback=False, on_refusal=lambda reason: None, clock=lambda: now[0])  # type: ignore[arg-type]
    caller = Caller("shop", Role.viewer, "k", listings_per_second=10.0)
    guard.spend(caller, 25)
    with pytest.raises(ProblemError) as caught:
        guard.spend(caller, 1)
    assert caught.value.retry_after_seconds == pytest.approx(1.6)
    now[0] -= 3600  # a clock that goes backwards gives nothing and takes nothing
    with pytest.raises(ProblemError):
        guard.spend(caller, 1)
    now[0] += 3601.6
    guard.spend(caller, 1)
    guard.spend(Caller("other", Role.viewer, "o", listings_per_second=1.0), 1)
    for _ in range(50):
        guard.spend(Caller("free", Role.viewer, "f"), 1000)


def test_versions_are_promoted_shadowed_and_rolled_back(
    client: Client, other_bundle: Path, tmp_path: Path
) -> None:
    async def body() -> None:
        folder = tmp_path / "models"
        shutil.copytree(other_bundle, folder / "second")
        (tmp_path / "secret").mkdir()
        async with client(models_folder=folder) as http:

            async def price() -> tuple[float, int]:
                one = (await http.post("/v1/quotes", json={"listings": [LAMP]})).json()["quotes"][0]
                return one["predicted_price"], one["model_version"]

            before = await price()
            made = await http.post("/v1/models", json={"bundle": "second"})
            assert (made.status_code, made.json()["version"], made.json()["state"]) == (201, 2, "registered")
            for outside in ("../secret", "/etc", "a\0b"):
                is_problem(await http.post("/v1/models", json={"bundle": outside}), "bundle-refused")
            assert await price() == before
            assert (await http.post("/v1/models/2/promote")).json()["state"] == "active"
            after = await price()
            assert after[1] == 2
            assert after[0] > 1.5 * before[0]
            assert (await http.post("/v1/models/rollback")).json()["version"] == 1
            assert await price() == before
            assert (await http.post("/v1/models/2/shadow")).json()["state"] == "shadow"
            assert await price() == before
            is_problem(await http.post("/v1/models/1/shadow"), "conflict")
            is_problem(await http.post("/v1/models/9/promote"), "not-found")
            is_problem(await http.post("/v1/models/2/canary", json={"share": 0.9}), "invalid")
            await http.post("/v1/models/2/stop")
            is_problem(await http.post("/v1/models/2/stop"), "conflict")
            document = (await http.get("/v1/models")).json()
            assert [one["action"] for one in document["changes"]] == [
                "stop", "shadow", "roll back", "promote", "register", "promote", "register",
            ]  # fmt: skip
            assert document["changes"][0]["actor"] == "local"
            metrics = (await http.get("/metrics")).text
            assert 'pricelm_shadow_log_difference_count{version="2"} 1.0' in metrics

    run(body)


def test_a_broken_bundle_is_refused_and_the_old_one_stays(
    client: Client, other_bundle: Path, tmp_path: Path
) -> None:
    async def body() -> None:
        folder = tmp_path / "models"
        shutil.copytree(other_bundle, folder / "second")
        async with client(models_folder=folder) as http:
            await http.post("/v1/models", json={"bundle": "second"})
            weights = next(folder.glob("second/members/**/*.safetensors"))
            weights.write_bytes(weights.read_bytes()[:-50])
            document = is_problem(await http.post("/v1/models/2/promote"), "bundle-refused")
            assert "cut short or changed" in document["detail"]
            is_problem(await http.post("/v1/models/2/canary", json={"share": 0.1}), "bundle-refused")
            shutil.rmtree(folder / "second")
            is_problem(await http.post("/v1/models/2/promote"), "bundle-refused")
            answer = (await http.post("/v1/quotes", json={"listings": [LAMP]})).json()
            assert answer["quotes"][0]["model_version"] == 1

    run(body)


def test_a_canary_answers_for_its_share_and_is_stopped_when_it_is_worse(
    client: Client, other_bundle: Path, tmp_path: Path
) -> None:
    async def body() -> None:
        async with client() as http:
            registry: ModelRegistry = http.app.state.registry  # type: ignore[attr-defined]
            second, _ = registry.register(other_bundle, "test")
            await http.post(f"/v1/models/{second.version}/canary", json={"share": 0.3})
            listings = [{"title": f"red wooden lamp no {n}", "brand": "Acme"} for n in range(300)]

            async def versions() -> list[int]:
                got = (await http.post("/v1/quotes", json={"listings": listings})).json()["quotes"]
                return [one["model_version"] for one in got]

            first = await versions()
            assert 0.2 < np.mean([version == 2 for version in first]) < 0.4
            assert await versions() == first, "the same listing always goes to the same version"
            known = listings_frame(60, seed=9)
            outcomes = [
                {
                    "listing": {name: row[name] for name in ("name", "maker", "group", "weight_kg")},
                    "price": row["cost"],
                }
                for row in known.to_dict("records")
            ]
            got = (await http.post("/v1/outcomes", json={"outcomes": outcomes})).json()
            assert got == {"kept": 60, "versions": [1, 2]}
            document = (await http.get("/v1/models")).json()
            assert document["versions"][0]["state"] == "retired"
            stop = document["changes"][0]
            assert (stop["action"], stop["actor"], stop["version"]) == ("stop", "pricelm", 2)
            assert "times that of the active model on 60 outcomes" in stop["note"]
            assert set(await versions()) == {1}

    run(body)


def test_a_canary_that_fails_is_stopped_and_nobody_notices(
    client: Client, other_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with client() as http:
            state = http.app.state  # type: ignore[attr-defined]
            second, _ = state.registry.register(other_bundle, "test")
            await http.post(f"/v1/models/{second.version}/canary", json={"share": 0.5})
            canary = state.models.cast.canary

            def fail(*_: Any, **__: Any) -> None:
                raise RuntimeError("a listing: secret words")

            monkeypatch.setattr(canary.served, "quote", fail)
            listings = [{"title": f"red wooden lamp no {n}"} for n in range(20)]
            got = await http.post("/v1/quotes", json={"listings": listings})
            assert {one["model_version"] for one in got.json()["quotes"]} == {1}
            assert state.registry.get(second.version).state == "retired"

    run(body)


def test_what_nobody_foresaw_is_a_500_without_the_listing(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with client() as http:
            state = http.app.state  # type: ignore[attr-defined]

            def fail(*_: Any, **__: Any) -> None:
                raise RuntimeError("broke on 'red wooden lamp'")

            monkeypatch.setattr(state.models.cast.active.served, "quote", fail)
            with caplog.at_level(logging.INFO, logger="pricelm"):
                response = await http.post("/v1/quotes", json={"listings": [LAMP]})
            document = is_problem(response, "internal")
            assert "lamp" not in json.dumps(document)
            lines = [JsonLines().format(record) for record in caplog.records if record.name == "pricelm.http"]
            assert any('"error": "RuntimeError"' in line and "frames" in line for line in lines)
            assert not any("lamp" in line for line in lines)

    logging.getLogger("pricelm").propagate = True
    run(body)


def test_the_log_has_no_words_of_listings_and_no_keys(
    client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        key = add_key(store_of(tmp_path), "shop", "viewer", "test")
        async with client() as http:
            with caplog.at_level(logging.INFO, logger="pricelm"):
                headers = {"X-API-Key": key, "X-Request-ID": "order-77"}
                response = await http.post("/v1/quotes", json={"listings": [LAMP]}, headers=headers)
            assert response.headers["x-request-id"] == "order-77"
            lines = [JsonLines().format(record) for record in caplog.records if record.name == "pricelm.http"]
            line = json.loads(lines[-1])
            assert (line["request_id"], line["route"], line["status"]) == ("order-77", "/v1/quotes", 200)
            assert (line["listings"], line["caller"]) == (1, key.split("_")[1])
            assert not any("lamp" in one or key.split("_", 2)[2] in one for one in lines)

    logging.getLogger("pricelm").propagate = True
    run(body)


def test_a_log_on_a_full_disk_stops_nothing() -> None:
    lost = []
    full = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")
    handler = CarefulHandler(full, lambda: lost.append(1))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    for _ in range(3):
        logger.warning("a line")
    assert lost == [1, 1, 1]
    with contextlib.suppress(OSError):
        full.close()


def test_a_clock_that_goes_backwards_disturbs_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with client() as http:
            real, steps = time.time, iter(range(0, 10**9, 3600))
            monkeypatch.setattr(time, "time", lambda: real() - next(steps))
            for _ in range(5):
                response = await http.post("/v1/quotes", json={"listings": [LAMP]})
                assert response.is_success
            assert (await http.get("/ready")).json()["status"] == "ready"

    run(body)


def test_numbers_are_counted(client: Client) -> None:
    async def body() -> None:
        async with client() as http:
            await http.post("/v1/quotes", json={"listings": [LAMP, SOFA]})
            await http.post("/v1/quotes", json={"listings": [{"titel": "x"}]})
            await asyncio.sleep(0.15)
            text = (await http.get("/metrics")).text
            for line in (
                'pricelm_requests_total{method="POST",route="/v1/quotes",status="200"} 1.0',
                'pricelm_requests_total{method="POST",route="/v1/quotes",status="422"} 1.0',
                'pricelm_quotes_total{version="1"} 2.0',
                'pricelm_batch_rows_count{version="1"} 1.0',
                'pricelm_batch_rows_sum{version="1"} 2.0',
                'pricelm_waiting_tokens{version="1"} 0.0',
                'pricelm_model_live{state="active",version="1"} 1.0',
                "pricelm_lost_log_lines_total 0.0",
            ):
                assert line in text, line
            assert all(math.isfinite(float(one.split()[-1])) for one in text.splitlines() if one[0] != "#")

    run(body)


def test_the_contract_has_examples_that_work(client: Client) -> None:
    async def body() -> None:
        async with client() as http:
            document = (await http.get("/openapi.json")).json()
            tried = 0
            for path in ("/v1/quotes", "/v1/explanations", "/v1/outcomes"):
                schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"][
                    "schema"
                ]
                name = schema["$ref"].rsplit("/", 1)[1]
                for example in document["components"]["schemas"][name]["examples"]:
                    response = await http.post(path, json=example)
                    assert response.is_success, response.text
                    tried += 1
            assert tried == 3
            problem = document["paths"]["/v1/quotes"]["post"]["responses"]["503"]["content"]
            assert "application/problem+json" in problem

    run(body)


def test_what_the_queue_has_no_room_for_is_refused_before_it_is_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with client() as http:
            batcher = http.app.state.models.cast.active.batcher  # type: ignore[attr-defined]
            asked: list[int] = []

            def full(tokens: int) -> None:
                asked.append(tokens)
                raise Overloaded("expected a wait of at most 0.2 s, and it would be 3 s", 3.0)

            monkeypatch.setattr(batcher, "check_wait", full)
            response = await http.post("/v1/quotes", content=b"{no json" * 30)
            is_problem(response, "overloaded")
            assert (response.status_code, response.headers["retry-after"], asked) == (503, "3", [80])
            assert (await http.get("/v1/models")).status_code == 200
            metrics = (await http.get("/metrics")).text
            assert 'pricelm_refused_total{reason="queue"} 1.0' in metrics
            assert 'route="/v1/quotes",status="503"' in metrics

    run(body)
