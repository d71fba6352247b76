"""From a plan to prices and back: recorded, replayed, decided by people, handed over once, taken back."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from pricelm.core.errors import ConfigError, NotAllowedError, OutputError, StoreError
from pricelm.services.applying import apply_batch
from pricelm.services.approving import (
    DecisionRequest,
    approve,
    decisions_about,
    list_batches,
    reject,
    show_batch,
)
from pricelm.services.auditing import show_audit, verify_audit
from pricelm.services.editing import PriceEdit, edit
from pricelm.services.optimizing import OptimizeRequest, optimize_prices
from pricelm.services.price_targets import open_target
from pricelm.services.replaying import replay_batch, replay_recommendation
from pricelm.services.rolling_back import RollbackScope, roll_back
from pricelm.services.snapshots import decode_frame, encode_frame
from pricelm.storage.base import utc_now
from pricelm.storage.database import open_store
from pricelm.storage.prices import prices_in_force
from tests.store_samples import ANN, BEN, EVE, add_plan, write_products


def states(url: str, batch: int) -> dict[str, str]:
    return {one.sku: one.state for one in show_batch(url, batch)[1]}


def in_force(url: str) -> dict[str, Decimal]:
    store = open_store(url)
    with store.reading() as session:
        found = {sku: row.price for sku, row in prices_in_force(session, ["a", "b", "c"]).items()}
    store.close()
    return found


@pytest.fixture
def planned(store_url: str, tmp_path: Path) -> str:
    """A store with a plan that was really made."""
    result = optimize_prices(
        OptimizeRequest(
            write_products(tmp_path),
            tmp_path / "plan.csv",
            tmp_path / "rules.yaml",
            store=store_url,
            actor="ann",
        )
    )
    assert result.batch == 1 and result.summary()["batch"] == 1
    return store_url


def test_a_plan_is_recorded_as_it_was_made_and_replayed(planned: str, tmp_path: Path) -> None:
    batch, rows = show_batch(planned, 1)
    made = json.loads((tmp_path / "plan.json").read_text())["recommendations"]
    assert (batch.actor, batch.recommendations, batch.states) == ("ann", 12, {"open": 12})
    assert [(one.sku, float(one.proposed_price)) for one in rows] == [
        (one["sku"], pytest.approx(one["proposed_price"], abs=5e-5)) for one in made
    ]
    for report in (replay_batch(planned, 1), replay_recommendation(planned, rows[4].recommendation)):
        assert report.agrees and not report.versions, report.differences
    assert report.compared == 1
    assert set(report.facts["parts"]) == {"products", "rules"}
    assert report.facts["sources"]["rules"]["file"] == "rules.yaml"


def test_the_same_inputs_are_kept_once(planned: str, tmp_path: Path) -> None:
    again = OptimizeRequest(
        tmp_path / "products.csv", tmp_path / "plan2.csv", tmp_path / "rules.yaml", store=planned
    )
    assert optimize_prices(again).batch == 2
    store = open_store(planned)
    with store.reading() as session:
        kinds = list(session.scalars(text("select kind from documents order by kind")))
    store.close()
    # a snapshot names the day and the versions of the libraries, and these are the same too
    assert kinds == ["products", "rules", "snapshot"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (
            "update recommendations set proposed_price = proposed_price + 1 where recommendation = 3",
            "proposed",
        ),
        ("update recommendations set gain = gain + 0.01 where recommendation = 3", "gain"),
        ("delete from recommendations where recommendation = 3", "recommendation"),
    ],
)
def test_a_replay_says_what_differs(planned: str, change: str, field: str) -> None:
    store = open_store(planned)
    with store.writing() as session:
        session.execute(text(change))
    store.close()
    report = replay_batch(planned, 1)
    assert any(one.sku == "p2" and one.field.startswith(field) for one in report.differences)
    # what the audit log says of the rows as they were written differs too
    assert report.differences[0].field == "recommendations as recorded"


def test_a_changed_snapshot_is_not_replayed(planned: str) -> None:
    store = open_store(planned)
    with store.writing() as session:
        session.execute(text("update documents set content = :other where kind = 'rules'"), {"other": b"x"})
    store.close()
    with pytest.raises(StoreError, match="changed"):
        replay_batch(planned, 1)
    with pytest.raises(ConfigError, match="batch list"):
        replay_batch(planned, 7)
    with pytest.raises(ConfigError, match="number of a recommendation"):
        replay_recommendation(planned, 700)


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(), st.text(max_size=5), st.dates(),
    st.datetimes(min_value=pd.Timestamp(1900, 1, 1), max_value=pd.Timestamp(2100, 1, 1)),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(CELLS, st.floats(), st.integers(-5, 5)), min_size=1, max_size=6))
def test_a_table_comes_back_as_it_was(rows: list[tuple[Any, float, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["any", "number", "whole"])
    frame["any"] = pd.Series([row[0] for row in rows], dtype=object)
    frame["day"] = pd.Timestamp(2026, 3, 1)
    back = decode_frame(json.loads(json.dumps(encode_frame(frame), allow_nan=False)))
    assert list(back.dtypes) == list(frame.dtypes)
    for name in frame.columns:
        for one, other in zip(frame[name], back[name], strict=True):
            missing = one is None or (isinstance(one, float) and np.isnan(one))
            assert pd.isna(other) if missing else other == one, (name, one, other)


def test_approve_edit_reject_and_two_pairs_of_eyes(store_url: str) -> None:
    plan = [("a", 10.0, 11.0), ("b", 10.0, 14.0), ("c", 10.0, 9.0), ("d", 10.0, 10.0)]
    number = add_plan(store_url, plan, actor="ben")
    with pytest.raises(NotAllowedError, match="ann is analyst"):
        approve(store_url, DecisionRequest(number, ANN))
    done = approve(store_url, DecisionRequest(number, BEN))
    # who proposed a big move does not approve it, and what does not move is left alone
    assert len(done.done) == 2 and "needs another person than ben" in next(iter(done.refused.values()))
    assert states(store_url, number) == {"a": "approved", "b": "open", "c": "approved", "d": "open"}
    assert approve(store_url, DecisionRequest(number, EVE)).refused == {}
    assert states(store_url, number)["b"] == "approved"
    with pytest.raises(ConfigError, match="reason"):
        reject(store_url, DecisionRequest(number, EVE, ["a"]))
    reject(store_url, DecisionRequest(number, EVE, ["a"], "too early"))
    # an edit makes the editor the proposer
    edit(store_url, DecisionRequest(number, EVE, ["b"], "round"), PriceEdit(15.0))
    edit(store_url, DecisionRequest(number, EVE, ["c"], "round"), PriceEdit(9.5))
    assert states(store_url, number) == {"a": "rejected", "b": "open", "c": "approved", "d": "open"}
    assert approve(store_url, DecisionRequest(number, EVE, ["b"])).done == []
    assert len(approve(store_url, DecisionRequest(number, BEN, ["b"])).done) == 1
    said = [(one.actor, one.decision, one.price) for one in decisions_about(store_url, 2)]
    assert said == [
        ("eve", "approve", Decimal(14)), ("eve", "edit", Decimal(15)), ("ben", "approve", Decimal(15)),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="product of the batch"):
        approve(store_url, DecisionRequest(number, EVE, ["zzz"]))
    assert verify_audit(store_url).ok


def test_a_price_goes_out_once_and_a_plan_that_is_out_of_date_does_not(
    store_url: str, tmp_path: Path
) -> None:
    first = add_plan(store_url, [("a", 10.0, 11.0), ("b", 5.0, 5.5)], state="approved")
    second = add_plan(store_url, [("a", 10.0, 12.0), ("c", 7.0, 6.5)], state="approved")
    with pytest.raises(NotAllowedError):
        apply_batch(store_url, first, open_target(str(tmp_path / "1.csv")), ANN)
    file = tmp_path / "1.csv"
    assert apply_batch(store_url, first, open_target(str(file)), BEN).handed_over == 2
    assert apply_batch(store_url, first, open_target(str(file)), BEN).delivery is None
    assert file.read_text().count("\n") == 3
    result = apply_batch(store_url, second, open_target(str(tmp_path / "2.jsonl")), BEN)
    assert result.handed_over == 1 and "11.00 by now" in result.left_out["a"]
    assert states(store_url, second) == {"a": "stale", "c": "applied"}
    assert in_force(store_url) == {"a": Decimal(11), "b": Decimal("5.5"), "c": Decimal("6.5")}
    with pytest.raises(OutputError, match="name another"):
        apply_batch(
            store_url, add_plan(store_url, [("b", 5.5, 6.0)], state="approved"), open_target(str(file)), BEN
        )


def test_rollback_of_a_product_a_plan_and_a_day(store_url: str, tmp_path: Path) -> None:
    def target(name: str) -> Any:
        return open_target(f"sqlite:///{tmp_path / 'shop.db'}#{name}")

    first = add_plan(store_url, [("a", 10.0, 11.0), ("b", 5.0, 5.5)], state="approved")
    apply_batch(store_url, first, target("t"), BEN)
    second = add_plan(store_url, [("a", 11.0, 12.0), ("c", 7.0, 6.5)], state="approved")
    apply_batch(store_url, second, target("t"), BEN)
    # the plan before can only be taken back where nothing came after it
    result = roll_back(store_url, RollbackScope(batch=first), target("t"), BEN)
    assert result.handed_over == 1 and "take that back first" in result.left_out["a"]
    assert in_force(store_url) == {"a": Decimal(12), "b": Decimal(5), "c": Decimal("6.5")}
    for price in (Decimal(11), Decimal(10)):
        assert roll_back(store_url, RollbackScope(sku="a"), target("t"), BEN).handed_over == 1
        assert in_force(store_url)["a"] == price
    assert roll_back(store_url, RollbackScope(sku="a"), target("t"), BEN).delivery is None
    third = add_plan(store_url, [("a", 10.0, 8.0), ("b", 5.0, 4.0)], state="approved")
    apply_batch(store_url, third, target("t"), BEN)
    day = RollbackScope(day=utc_now().astimezone().date())
    assert roll_back(store_url, day, target("t"), BEN).handed_over == 3
    assert in_force(store_url) == {"a": Decimal(10), "b": Decimal(5), "c": Decimal(7)}
    assert {one.batch: one.states for one in list_batches(store_url)}[third] == {"rolled back": 2}
    assert verify_audit(store_url).ok
    assert show_audit(store_url, 1)[0].action == "rollback"


def test_a_rollback_over_several_plans_returns_to_the_first_price(store_url: str, tmp_path: Path) -> None:
    for number, (now, then) in enumerate([(10.0, 11.0), (11.0, 12.0), (12.0, 9.0)]):
        batch = add_plan(store_url, [("a", now, then)], state="approved")
        apply_batch(store_url, batch, open_target(str(tmp_path / f"{number}.csv")), BEN)
    scope = RollbackScope(day=utc_now().astimezone().date())
    assert roll_back(store_url, scope, open_target(str(tmp_path / "back.csv")), BEN).handed_over == 1
    assert in_force(store_url) == {"a": Decimal(10)}
