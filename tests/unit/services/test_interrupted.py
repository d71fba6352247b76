"""Deliveries that stopped in the middle, seen and finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from pricelm.core.errors import ConfigError, DeliveryError, NotAllowedError
from pricelm.services.applying import apply_batch
from pricelm.services.interrupted import go_on, open_deliveries
from pricelm.services.price_targets import WebhookTarget
from pricelm.services.rolling_back import RollbackScope, roll_back
from tests.price_shop import opened_shop
from tests.store_samples import ANN, BEN, EVE, add_plan


def test_it_is_seen_and_finished_by_an_approver_at_the_same_place(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    add_plan(url, [("a", 4.0, 4.2), ("b", 4.0, 4.4), ("c", 4.0, 4.6)], state="approved")
    with opened_shop() as shop:
        shop.failures = [200, 422, 422]
        with pytest.raises(DeliveryError):
            apply_batch(url, 1, WebhookTarget(shop.address), BEN)
        [one] = open_deliveries(url)
        assert (one.kind, one.scope, one.actor, one.sent, one.total) == ("apply", "batch 1", "ben", 1, 3)
        assert one.target == shop.address.partition("?")[0]
        with pytest.raises(NotAllowedError):
            go_on(url, one.delivery, shop.address, ANN)
        for other in (None, str(tmp_path), "http://127.0.0.1:1/prices"):
            with pytest.raises(ConfigError, match="was on its way"):
                go_on(url, one.delivery, other, EVE)
        result = go_on(url, one.delivery, shop.address, EVE)
        assert (result.handed_over, result.before) == (2, 1) and len(shop.prices) == 3
        for number in (one.delivery, 77):
            with pytest.raises(ConfigError, match="not finished"):
                go_on(url, number, shop.address, EVE)
        shop.failures = [200, 422, 422]
        with pytest.raises(DeliveryError):
            roll_back(url, RollbackScope(batch=1), WebhookTarget(shop.address), BEN)
        [back] = open_deliveries(url)
        assert (back.kind, back.sent, back.total) == ("rollback", 1, 3)
        assert go_on(url, back.delivery, shop.address, BEN).handed_over == 2
    assert open_deliveries(url) == []
