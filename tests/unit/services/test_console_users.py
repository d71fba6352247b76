"""Users and sessions of the console."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pricelm.core.errors import ConfigError
from pricelm.services import console_sessions, console_users
from pricelm.services.auditing import show_audit, verify_audit
from pricelm.services.console_sessions import SessionBook
from pricelm.services.console_users import (
    add_console_user,
    check_login,
    disable_console_user,
    list_console_users,
    set_console_password,
    set_console_role,
)
from pricelm.services.oidc_users import OidcIdentity, admit_identity
from pricelm.services.service_keys import Role
from pricelm.storage.database import open_store
from pricelm.storage.users import get_user

WORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least of everything."""
    from argon2 import PasswordHasher

    monkeypatch.setattr(console_users, "_hasher", lambda: PasswordHasher(1, 8, 1))


def test_a_password_opens_and_a_hash_is_kept(store_url: str) -> None:
    add_console_user(store_url, "maria", "admin", WORD, "test")
    store = open_store(store_url)
    assert check_login(store, "maria", WORD).user is not None
    assert check_login(store, "maria", WORD + "x").why == "wrong"
    assert check_login(store, "nobody", WORD).why == "wrong"
    with store.reading() as session:
        user = get_user(session, "maria")
        assert (
            user is not None
            and user.password_hash.startswith("$argon2id$")
            and WORD not in user.password_hash
        )
    assert WORD not in str(show_audit(store_url, 50))
    store.close()


def test_five_wrong_passwords_lock_and_a_new_one_opens(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_console_user(store_url, "maria", "admin", WORD, "test")
    store = open_store(store_url)
    said = [check_login(store, "maria", "wrong").why for _ in range(5)]
    assert said == ["wrong"] * 4 + ["locked"]
    assert check_login(store, "maria", WORD).why == "locked"
    now = console_users.utc_now()
    monkeypatch.setattr(console_users, "utc_now", lambda: now + timedelta(minutes=16))
    assert check_login(store, "maria", WORD).user is not None
    monkeypatch.undo()
    for _ in range(5):
        check_login(store, "maria", "wrong")
    set_console_password(store_url, "maria", WORD + "2", "test")
    assert check_login(store, "maria", WORD + "2").user is not None
    store.close()


def test_a_session_ends_with_its_user_its_password_or_its_time(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_console_user(store_url, "root", "admin", WORD, "test")
    add_console_user(store_url, "maria", "approver", WORD, "test")
    store = open_store(store_url)
    user = check_login(store, "maria", WORD).user
    assert user is not None
    book = SessionBook(store)
    secret = book.begin(user)
    visit = book.find(secret)
    assert visit is not None and visit.caller.name == "maria" and visit.caller.role is Role.approver
    assert book.find(secret + "x") is None
    set_console_role(store_url, "maria", "viewer", "test")
    now = book.look_up(visit.session)
    assert now is not None and now.caller.role is Role.viewer
    real = console_sessions.utc_now
    monkeypatch.setattr(console_sessions, "utc_now", lambda: real() + timedelta(hours=2, minutes=1))
    assert book.look_up(visit.session) is None
    monkeypatch.setattr(console_sessions, "utc_now", real)
    set_console_password(store_url, "maria", WORD + "2", "test")
    assert book.look_up(visit.session) is None
    again = book.find(book.begin(user))
    assert again is not None
    disable_console_user(store_url, "maria", "test")
    assert book.look_up(again.session) is None and check_login(store, "maria", WORD + "2").why == "wrong"
    store.close()


def test_a_session_lasts_twelve_hours_of_clicks_and_two_without(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_console_user(store_url, "maria", "approver", WORD, "test")
    store = open_store(store_url)
    user = check_login(store, "maria", WORD).user
    assert user is not None
    book = SessionBook(store)
    begun = console_sessions.utc_now()
    busy, quiet = (book.find(book.begin(user)) for _ in range(2))
    assert busy is not None and quiet is not None

    def at(hours: float) -> None:
        monkeypatch.setattr(console_sessions, "utc_now", lambda: begun + timedelta(hours=hours))

    at(1.9)
    assert book.look_up(busy.session) is not None
    at(2.1)
    assert book.look_up(busy.session) is not None and book.look_up(quiet.session) is None
    for hours in (3.9, 5.8, 7.7, 9.6, 11.5, 11.9):
        at(hours)
        assert book.look_up(busy.session) is not None
    at(12.1)
    assert book.look_up(busy.session) is None
    store.close()


def test_an_admin_is_always_left(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    add_console_user(url, "root", "admin", WORD, "test")
    for attempt in (
        lambda: disable_console_user(url, "root", "test"),
        lambda: set_console_role(url, "root", "viewer", "test"),
    ):
        with pytest.raises(ConfigError, match="last"):
            attempt()
    add_console_user(url, "second", "admin", WORD, "test")
    disable_console_user(url, "root", "test")
    assert [one.name for one in list_console_users(url) if one.disabled is None] == ["second"]


@pytest.mark.parametrize(
    ("name", "role", "password", "said"),
    [
        ("", "admin", WORD, "name"),
        ("a\nb", "admin", WORD, "name"),
        ("maria", "owner", WORD, "roles"),
        ("maria", "admin", "short", "10 to 200"),
        ("maria", "admin", "x" * 201, "10 to 200"),
    ],
)
def test_what_is_wrong_is_said(name: str, role: str, password: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        add_console_user("sqlite://", name, role, password, "test")


def test_users_of_a_log_in_service_in_both_databases(store_url: str) -> None:
    store = open_store(store_url)
    identity = OidcIdentity("https://id.example", "7", "maria", ("it",))
    first = admit_identity(store, identity, {"it": "admin"})
    assert first.user is not None and admit_identity(store, identity, {"it": "viewer"}) == first
    assert admit_identity(store, identity, {}).why == "no_role"
    other = OidcIdentity("https://other.example", "7", "maria", ("it",))
    assert admit_identity(store, other, {"it": "admin"}).why == "name_taken"
    assert [(one.name, one.role) for one in list_console_users(store_url)] == [("maria", "viewer")]
    assert verify_audit(store).ok
    store.close()
