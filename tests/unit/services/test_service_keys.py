"""Keys of the API: made once, revoked for good, and both written down."""

from __future__ import annotations

import pytest

from pricelm.core.errors import ConfigError
from pricelm.services.auditing import show_audit, verify_audit
from pricelm.services.service_keys import KeyRing, Role, add_key, list_keys, revoke_key
from pricelm.storage.database import open_store


def test_a_key_is_written_down_when_it_is_made_and_when_it_is_revoked(store_url: str) -> None:
    secret = add_key(store_url, "shop", "approver", "maria", 5.0)
    [made] = list_keys(store_url)
    first = revoke_key(store_url, made.key_id, "ben")
    again = revoke_key(store_url, made.key_id, "eve")
    assert first.revoked is not None and again.revoked == first.revoked
    told = [(one.actor, one.action, one.subject, one.details) for one in show_audit(store_url)]
    assert told == [
        ("ben", "revoke key", f"key {made.key_id}", {"name": "shop"}),
        (
            "maria",
            "add key",
            f"key {made.key_id}",
            {"name": "shop", "role": "approver", "listings_per_second": 5.0},
        ),
    ]
    assert verify_audit(store_url).ok
    assert secret.rsplit("_", 1)[-1] not in str(told)


def test_what_is_refused_leaves_no_trace(store_url: str) -> None:
    for attempt in (
        lambda: add_key(store_url, "shop", "owner", "maria"),
        lambda: add_key(store_url, "a\nb", "viewer", "maria"),
        lambda: add_key(store_url, "shop", "viewer", "maria", -1.0),
        lambda: revoke_key(store_url, "nobody", "maria"),
    ):
        with pytest.raises(ConfigError):
            attempt()
    assert list_keys(store_url) == [] and show_audit(store_url) == []


def test_a_ring_knows_the_keys_that_are_not_revoked(store_url: str) -> None:
    kept, gone = (add_key(store_url, name, "analyst", "test") for name in ("kept", "gone"))
    revoke_key(store_url, gone.split("_")[1], "test")
    store, ring = open_store(store_url), KeyRing(2.0)
    ring.refresh(store)
    store.close()
    caller = ring.identify(kept)
    assert caller is not None
    assert (caller.name, caller.role, caller.listings_per_second) == ("kept", Role.analyst, 2.0)
    assert (
        ring.identify(gone) is None and ring.identify(kept[:-1] + "!") is None and ring.identify("") is None
    )
