"""Work lists that are kept in memory say what a list read anew says, whatever was decided meanwhile."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.core.errors import ConfigError
from pricelm.services import worklist
from pricelm.services.approving import DecisionRequest, approve, reject
from pricelm.services.editing import PriceEdit, edit
from pricelm.services.worklist import PackedRows, WorkList, WorkLists
from pricelm.storage.batches import recommendations_of
from pricelm.storage.database import open_store
from tests.store_samples import BEN, EVE, add_plan

SKUS = ("a", "b", "c", "d")
STEPS = ("approve", "edit", "reject", "applying", "open", "other plan", "log in")


def drawn(work: WorkList) -> bytes:
    return json.dumps(work.rows).encode()


def unpacked(packed: PackedRows) -> list[dict[str, Any]]:
    return list(json.loads(gzip.decompress(packed.content)))


def set_state(lists: WorkLists, batch: int, sku: str, state: str) -> None:
    """Change a state as a delivery does: without a word in the audit log."""
    with lists.store.writing() as session:
        [row] = recommendations_of(session, batch, skus=[sku])
        row.state = state
        if state == "open":
            row.decided_price, row.edited_by = None, ""


def decide(lists: WorkLists, batch: int, step: str, sku: str) -> None:
    request = DecisionRequest(batch, BEN, [sku], "because", 0.9)
    if step == "approve":
        approve(lists.store, request)
    elif step == "edit":
        edit(lists.store, request, PriceEdit(11.5), None)
    elif step == "reject":
        reject(lists.store, request)
    elif step == "other plan":
        approve(lists.store, DecisionRequest(batch + 1, EVE, ["a"], four_eyes_share=0.9))
    elif step != "log in":
        set_state(lists, batch, sku, step)


@pytest.fixture
def lists(store_url: str) -> WorkLists:
    for _ in range(2):
        add_plan(store_url, [(sku, 10.0, 10.5 if sku != "d" else 10.0) for sku in SKUS])
    return WorkLists(open_store(store_url))


def test_a_browser_that_follows_sees_what_is_read_anew(lists: WorkLists) -> None:
    packed = lists.packed(1, "rows", drawn)
    seen = {row["sku"]: row for row in unpacked(packed)}
    revision = packed.revision
    for step, sku, expected in (
        ("approve", "b", {"b"}),
        ("log in", "", set()),
        ("other plan", "", set()),
        ("edit", "a", {"a"}),
        ("applying", "b", {"b"}),
        ("open", "a", {"a"}),
    ):
        decide(lists, 1, step, sku)
        work, changed = lists.changes(1, revision)
        revision = work.revision
        assert changed is not None and {row["sku"] for row in changed} == expected
        seen |= {row["sku"]: row for row in changed}
        fresh = WorkLists(lists.store).work_list(1)
        assert sorted(seen.values(), key=lambda row: row["id"]) == sorted(
            fresh.rows, key=lambda row: row["id"]
        )
        kept = lists.work_list(1)
        assert (kept.rows, kept.waiting, kept.approved_gain) == (
            fresh.rows,
            fresh.waiting,
            fresh.approved_gain,
        )
    # what was packed before and what changed since give the same
    again = lists.packed(1, "rows", drawn)
    known = {row["sku"]: row for row in unpacked(again)}
    changed = lists.changes(1, again.revision)[1] or []
    assert known | {row["sku"]: row for row in changed} == seen


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(SKUS[:3])), max_size=8))
def test_any_order_of_decisions_is_followed(steps: list[tuple[str, str]]) -> None:
    lists = WorkLists(open_store("sqlite://"))
    with pytest.MonkeyPatch.context() as patch:
        # the store in memory is gone when it is closed, and the sample opens one by its address
        patch.setattr("tests.store_samples.open_store", lambda url: lists.store)
        patch.setattr(lists.store, "close", lambda: None)
        for _ in range(2):
            add_plan("sqlite://", [(sku, 10.0, 10.5) for sku in SKUS])
    first = lists.work_list(1)
    before = json.dumps(first.rows)
    for step, sku in steps:
        decide(lists, 1, step, sku)
        lists.work_list(1)
    assert lists.work_list(1).rows == WorkLists(lists.store).work_list(1).rows
    # whoever still holds the list of before holds it unchanged
    assert json.dumps(first.rows) == before


def test_rows_are_packed_again_when_too_much_changed(
    lists: WorkLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist, "_MOST_BEHIND", 1)
    first = lists.packed(1, "rows", drawn)
    approve(lists.store, DecisionRequest(1, BEN, ["a"], four_eyes_share=0.9))
    assert lists.packed(1, "rows", drawn) is first
    approve(lists.store, DecisionRequest(1, BEN, ["b"], four_eyes_share=0.9))
    second = lists.packed(1, "rows", drawn)
    assert second is not first and unpacked(second) == lists.work_list(1).rows


def test_a_revision_of_somebody_else_is_not_known(lists: WorkLists) -> None:
    for wrong in ("", "x", "x.0", WorkLists(lists.store).work_list(1).revision, lists.work_list(2).revision):
        assert lists.changes(1, wrong)[1] is None
    with pytest.raises(ConfigError, match="batch"):
        lists.packed(9, "rows", drawn)
