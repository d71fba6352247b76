"""Users of the console: added on the command line or by an admin, with passwords that are slow to guess."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pricelm.core.errors import ConfigError
from pricelm.core.extras import require
from pricelm.services.service_keys import Role
from pricelm.services.store_admin import opened_store
from pricelm.storage.audit import write_audit
from pricelm.storage.base import utc_now
from pricelm.storage.database import Store
from pricelm.storage.sessions import end_sessions_of
from pricelm.storage.users import User, add_user, all_users, get_user

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LANGUAGES = ("en", "zh")
LEAST_PASSWORD = 10
MOST_PASSWORD = 200
_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")
_MOST_FAILURES = 5
_LOCKED = timedelta(minutes=15)
# what is compared with when there is no such user, so that the time taken does not tell which names exist
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$V7ZQ2WMGEP+7F2vRxtAJVpc9ncYZQKbVjTh6dFzs4Xs"


@dataclass(frozen=True)
class UserRecord:
    """A user as they may be shown: everything but the password."""

    name: str
    role: str
    language: str
    created: datetime
    disabled: datetime | None
    locked_until: datetime | None
    issuer: str | None = None
    """The log-in service that a user without a password comes through."""


@dataclass(frozen=True)
class LoginResult:
    """Whether somebody may come in.

    Parameters
    ----------
    user : int or None
        Number of the user, or None.
    why : {"", "wrong", "locked", "no_role", "name_taken", "shut_out"}
        Why not.
    """

    user: int | None
    why: str = ""


def add_console_user(store_url: str, name: str, role: str, password: str, actor: str) -> UserRecord:
    """Add a user.

    Parameters
    ----------
    store_url : str
        The store.
    name : str
        1 to 100 printable characters.
    role : {"viewer", "analyst", "approver", "admin"}
        What they may do.
    password : str
        10 to 200 characters.
    actor : str
        Who does this, for the audit log.

    Returns
    -------
    UserRecord
        The new user.

    Raises
    ------
    ConfigError
        If the name is taken, or something is wrong with name, role or password.
    MissingExtraError
        If argon2 is not installed.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"expected a name of 1 to 100 printable characters, got {name[:120]!r}")
    _check_role(role)
    hashed = _hashed(password)
    with opened_store(store_url) as store, store.writing() as session:
        if get_user(session, name) is not None:
            raise ConfigError(f"expected a new name, and there is a user {name!r}: 'pricelm users list'")
        row = add_user(session, name, role, hashed)
        write_audit(session, actor, "add user", f"user {name}", {"role": role})
        return _record(row)


def list_console_users(store_url: str) -> list[UserRecord]:
    """Return everybody, by name.

    Examples
    --------
    >>> list_console_users("sqlite://")
    []
    """
    with opened_store(store_url) as store, store.reading() as session:
        return [_record(row) for row in all_users(session)]


def set_console_password(store_url: str, name: str, password: str, actor: str) -> None:
    """Give a user another password: their sessions end, and a lock is lifted.

    Raises
    ------
    ConfigError
        If there is no such user, the password is too short or too long, or they come through a log-in
        service, past which a password would let them.
    """
    hashed = _hashed(password)
    with opened_store(store_url) as store, store.writing() as session:
        row = _existing(session, name)
        _keep_to_issuer(row)
        row.password_hash, row.failed_logins, row.locked_until = hashed, 0, None
        end_sessions_of(session, row.user)
        write_audit(session, actor, "set password", f"user {name}")


def set_console_role(store_url: str, name: str, role: str, actor: str) -> None:
    """Give a user another role; it counts from their next click on.

    Raises
    ------
    ConfigError
        If there is no such user or role, nobody would be admin any more, or they come through a log-in
        service, which says their role at each log-in.
    """
    _check_role(role)
    with opened_store(store_url) as store, store.writing() as session:
        row = _existing(session, name)
        _keep_to_issuer(row)
        if role != "admin":
            _keep_an_admin(session, row)
        details = {"before": row.role, "role": role}
        row.role = role
        write_audit(session, actor, "set role", f"user {name}", details)


def disable_console_user(store_url: str, name: str, actor: str) -> None:
    """Shut a user out, now and for good; what they did stays in the records.

    Raises
    ------
    ConfigError
        If there is no such user, or nobody would be admin any more.
    """
    with opened_store(store_url) as store, store.writing() as session:
        row = _existing(session, name)
        if row.disabled is None:
            _keep_an_admin(session, row)
            row.disabled = utc_now()
            end_sessions_of(session, row.user)
            write_audit(session, actor, "disable user", f"user {name}")


def set_console_language(store_url: str, name: str, language: str) -> None:
    """Let the console speak another language to a user.

    Raises
    ------
    ConfigError
        If it does not speak it.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"expected one of the languages {', '.join(LANGUAGES)}, got {language[:20]!r}")
    with opened_store(store_url) as store, store.writing() as session:
        _existing(session, name).language = language


def check_login(store: Store, name: str, password: str) -> LoginResult:
    """Check a name and a password; five wrong ones lock the user for a quarter of an hour.

    A wrong name takes as long as a wrong password and is answered alike.

    Parameters
    ----------
    store : Store
        The store.
    name, password : str
        As typed.

    Returns
    -------
    LoginResult
        The user, or why not.
    """
    with store.reading() as session:
        row = get_user(session, name[:100])
        known = row.password_hash if row is not None and row.disabled is None else ""
    right = _verified(known or _NOBODY, password[:MOST_PASSWORD]) and bool(known)
    if row is None or row.disabled is not None or row.issuer is not None:
        return LoginResult(None, "wrong")
    with store.writing() as session:
        row = get_user(session, name[:100])
        assert row is not None
        if row.locked_until is not None and row.locked_until > utc_now():
            return LoginResult(None, "locked")
        if right:
            row.failed_logins, row.locked_until = 0, None
            write_audit(session, row.name, "log in", f"user {row.name}")
            return LoginResult(row.user)
        row.failed_logins += 1
        if row.failed_logins < _MOST_FAILURES:
            return LoginResult(None, "wrong")
        row.failed_logins, row.locked_until = 0, utc_now() + _LOCKED
        write_audit(session, row.name, "lock", f"user {row.name}", {"minutes": _LOCKED.seconds // 60})
        return LoginResult(None, "locked")


def _keep_an_admin(session: Any, row: User) -> None:
    others = [
        one
        for one in all_users(session)
        if one.role == "admin" and one.disabled is None and one.user != row.user
    ]
    if row.role == "admin" and not others:
        raise ConfigError(f"expected another admin to be left, and {row.name} is the last: make one first")


def _keep_to_issuer(row: User) -> None:
    if row.issuer is not None:
        raise ConfigError(
            f"expected a user with a password, and {row.name} comes through {row.issuer}: "
            "change it there, or disable the user here"
        )


def _check_role(role: str) -> None:
    if role not in Role.__members__:
        raise ConfigError(f"expected one of the roles {', '.join(Role.__members__)}, got {role[:40]!r}")


def _existing(session: Any, name: str) -> User:
    row = get_user(session, name)
    if row is None:
        raise ConfigError(f"expected the name of a user, got {name[:80]!r}: 'pricelm users list'")
    return row


def _hasher() -> PasswordHasher:
    require("argon2", extra="console", purpose="keep passwords")
    from argon2 import PasswordHasher

    # what OWASP asks for; more memory would let a few log-ins at once exhaust a small machine
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _hashed(password: str) -> str:
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise ConfigError(
            f"expected a password of {LEAST_PASSWORD} to {MOST_PASSWORD} characters, got {len(password)}"
        )
    return _hasher().hash(password)


def _verified(hashed: str, password: str) -> bool:
    hasher = _hasher()
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return bool(hasher.verify(hashed, password))
    except (VerificationError, InvalidHashError):
        return False


def _record(row: User) -> UserRecord:
    return UserRecord(
        row.name, row.role, row.language, row.created, row.disabled, row.locked_until, row.issuer
    )
