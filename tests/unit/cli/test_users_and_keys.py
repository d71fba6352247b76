"""pricelm users and pricelm keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pricelm.cli.main import app
from pricelm.services import console_users
from pricelm.services.auditing import show_audit, verify_audit
from pricelm.services.console_users import check_login
from pricelm.storage.database import open_store

WORD = "correct horse battery"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty store, in which passwords are hashed with the least of everything."""
    from argon2 import PasswordHasher

    monkeypatch.setattr(console_users, "_hasher", lambda: PasswordHasher(1, 8, 1))
    url = f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv("PRICELM_STORE", url)
    return url


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=typed)


def opens(store: str, name: str, password: str) -> bool:
    opened = open_store(store)
    try:
        return check_login(opened, name, password).user is not None
    finally:
        opened.close()


def test_a_user_from_the_first_password_to_the_last_day(store: str) -> None:
    assert "No users yet" in run("users", "list").stdout
    made = run("users", "add", "maria", "--role", "admin", "--password-stdin", typed=f"{WORD}\n")
    assert made.exit_code == 0 and "maria can log in as admin." in made.stdout
    assert opens(store, "maria", WORD)
    asked = run("users", "add", "ben", typed=f"{WORD}2\n{WORD}2\n")
    assert asked.exit_code == 0 and opens(store, "ben", f"{WORD}2") and WORD not in asked.output
    changed = run("users", "password", "ben", "--password-stdin", "--json", typed=f"{WORD}3\n")
    assert json.loads(changed.stdout) == {"name": "ben", "password": "set"} and opens(
        store, "ben", f"{WORD}3"
    )
    assert run("users", "disable", "ben").exit_code == 0 and not opens(store, "ben", f"{WORD}3")
    shown = run("users", "list").stdout
    assert "maria" in shown and "viewer" in shown and "argon2" not in shown
    listed = json.loads(run("users", "list", "--json").stdout)
    assert [(one["name"], one["role"], bool(one["disabled"])) for one in listed] == [
        ("ben", "viewer", True),
        ("maria", "admin", False),
    ]
    told = [(one.action, one.subject) for one in show_audit(store) if one.actor.endswith("command line)")]
    assert told[::-1] == [
        ("add user", "user maria"),
        ("add user", "user ben"),
        ("set password", "user ben"),
        ("disable user", "user ben"),
    ]
    assert verify_audit(store).ok


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("add", "x", "--password-stdin"), "short\n", "10 to 200"),
        (("add", "maria", "--password-stdin"), f"{WORD}\n", "there is a user"),
        (("password", "nobody", "--password-stdin"), f"{WORD}\n", "pricelm users list"),
        (("disable", "nobody"), "", "pricelm users list"),
        (("disable", "maria"), "", "last"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    store: str, arguments: tuple[str, ...], typed: str, said: str
) -> None:
    run("users", "add", "maria", "--role", "admin", "--password-stdin", typed=f"{WORD}\n")
    result = run("users", *arguments, typed=typed)
    assert result.exit_code == 2 and said in result.stderr and "Traceback" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert opens(store, "maria", WORD)


def test_keys_are_made_shown_once_revoked_and_written_down(store: str) -> None:
    assert "No keys yet" in run("keys", "list").stdout
    made = run("keys", "add", "shop", "--role", "analyst", "--rate", "5")
    key = made.stdout.strip()
    assert key.startswith("plm_") and key not in made.stderr
    key_id = key.split("_")[1]
    assert key_id in run("keys", "list").stdout and key not in run("keys", "list", "--json").stdout
    assert run("keys", "revoke", "nobody").exit_code == 2
    revoked = json.loads(run("keys", "revoke", key_id, "--json").stdout)
    assert revoked == {"key_id": key_id, "name": "shop", "revoked": True}
    told = [(one.action, one.subject) for one in show_audit(store)]
    assert told == [("revoke key", f"key {key_id}"), ("add key", f"key {key_id}")]
    assert all(one.actor.endswith("command line)") for one in show_audit(store)) and verify_audit(store).ok
    shown = run("audit", "verify")
    assert shown.exit_code == 0 and "2" in shown.stdout
