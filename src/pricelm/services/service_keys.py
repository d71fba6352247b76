"""API keys of the service: made once, shown once, stored as a hash, checked without telling anything."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from pricelm.core.errors import ConfigError
from pricelm.storage.audit import write_audit
from pricelm.storage.base import utc_now
from pricelm.storage.database import Store, open_store
from pricelm.storage.keys import ApiKey, all_keys, get_key, insert_key

_FORM = re.compile(r"plm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")
# compared with when there is no such key, so that the time taken does not tell which ids exist
_NOBODY = "0" * 64


class Role(IntEnum):
    """What a key may do; each role may do what the ones before it may.

    A viewer asks for prices; an analyst posts outcomes and starts shadows; an approver decides which
    version answers; an admin registers bundles.
    """

    viewer = 1
    analyst = 2
    approver = 3
    admin = 4


@dataclass(frozen=True)
class Caller:
    """Who sent a request.

    Parameters
    ----------
    name : str
        For the log and the registry's changes.
    role : Role
        What is allowed.
    key_id : str, default ""
        Id of the key; empty for a caller on this machine where no keys exist.
    listings_per_second : float, default 0.0
        Rate; 0 is no limit.
    """

    name: str
    role: Role
    key_id: str = ""
    listings_per_second: float = 0.0


@dataclass(frozen=True)
class KeyRecord:
    """A key as it may be shown: everything but the secret."""

    key_id: str
    name: str
    role: str
    listings_per_second: float | None
    created: datetime
    revoked: datetime | None


def add_key(
    store_url: str, name: str, role: str, actor: str, listings_per_second: float | None = None
) -> str:
    """Make a key and return it; it is not kept and cannot be shown again.

    Parameters
    ----------
    store_url : str
        The store.
    name : str
        Whom it is for: 1 to 100 characters.
    role : {"viewer", "analyst", "approver", "admin"}
        What it may do.
    actor : str
        Who makes it, for the audit log.
    listings_per_second : float, optional
        Rate of its own.

    Returns
    -------
    str
        ``plm_`` + id + ``_`` + 256 random bits.

    Raises
    ------
    ConfigError
        If the name, the role or the rate is wrong.
    StoreError
        If the store cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"expected a name of 1 to 100 printable characters, got {name[:120]!r}")
    if role not in Role.__members__:
        raise ConfigError(f"expected one of the roles {', '.join(Role.__members__)}, got {role!r}")
    rate = listings_per_second
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise ConfigError(f"expected a rate above 0 listings a second, got {rate}")
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    store = open_store(store_url)
    try:
        with store.writing() as session:
            insert_key(
                session,
                key_id=key_id,
                name=name,
                role=role,
                secret_sha256=_hash(secret),
                listings_per_second=rate,
            )
            details = {"name": name, "role": role, "listings_per_second": rate}
            write_audit(session, actor, "add key", f"key {key_id}", details)
    finally:
        store.close()
    return f"plm_{key_id}_{secret}"


def list_keys(store_url: str) -> list[KeyRecord]:
    """Return all keys of a store, oldest first."""
    store = open_store(store_url)
    try:
        return [_record(key) for key in all_keys(store)]
    finally:
        store.close()


def revoke_key(store_url: str, key_id: str, actor: str) -> KeyRecord:
    """Revoke a key for good; who does it is written into the audit log.

    Raises
    ------
    ConfigError
        If there is no such key.
    """
    store = open_store(store_url)
    try:
        with store.writing() as session:
            key = get_key(session, key_id)
            if key is None:
                raise ConfigError(
                    f"expected the id of a key, got {key_id[:40]!r}: 'pricelm keys list' shows them"
                )
            if key.revoked is None:
                key.revoked = utc_now()
                write_audit(session, actor, "revoke key", f"key {key_id}", {"name": key.name})
            return _record(key)
    finally:
        store.close()


class KeyRing:
    """The keys of a store in memory, so that a request costs no query and a guess no work.

    Parameters
    ----------
    default_rate : float
        Listings a second for keys without a rate of their own; 0 is no limit.
    """

    def __init__(self, default_rate: float = 0.0) -> None:
        self._default_rate = default_rate
        self._known: dict[str, ApiKey] = {}

    def __len__(self) -> int:
        return len(self._known)

    def refresh(self, store: Store) -> None:
        """Read the keys that are not revoked."""
        self._known = {key.key_id: key for key in all_keys(store) if key.revoked is None}

    def identify(self, presented: str) -> Caller | None:
        """Return whose key this is, or None; every wrong key takes the same time.

        Parameters
        ----------
        presented : str
            What the request carries.
        """
        found = _FORM.fullmatch(presented)
        key = self._known.get(found[1]) if found else None
        digest = _hash(found[2] if found else "")
        if not hmac.compare_digest(digest, key.secret_sha256 if key else _NOBODY) or key is None:
            return None
        rate = key.listings_per_second
        return Caller(key.name, Role[key.role], key.key_id, self._default_rate if rate is None else rate)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(key: ApiKey) -> KeyRecord:
    return KeyRecord(key.key_id, key.name, key.role, key.listings_per_second, key.created, key.revoked)
