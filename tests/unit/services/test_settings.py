"""Settings: which source wins, what is refused, and that no secret is ever shown."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from typer.testing import CliRunner

from pricelm.cli.main import app
from pricelm.core.errors import ConfigError
from pricelm.services.secret_values import MASK, MAY_HOLD_SECRET, holds_secret, masked_address, shown_value
from pricelm.services.service_settings import ServiceSettings, read_configuration, read_settings
from pricelm.services.settings_sources import PREFIX, checked, read_layers

PASSWORD = "correct-horse"
STORE = f"postgresql://shop:{PASSWORD}@db.example/shop"


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for variable in list(os.environ):
        if variable.startswith(PREFIX):
            monkeypatch.delenv(variable)


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "pricelm.toml"
    file.write_text(text, "utf-8")
    file.chmod(mode)
    return file


def test_an_option_goes_before_the_environment_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "port = 1001\nworkers = 2\npoll_seconds = 3\nmodels_folder = 'models'")
    monkeypatch.setenv("PRICELM_CONFIG", str(file))
    monkeypatch.setenv("PRICELM_PORT", "1002")
    monkeypatch.setenv("PRICELM_WORKERS", "3")
    read = read_configuration(port=1003, host=None)
    assert (read.settings.port, read.settings.workers, read.settings.poll_seconds) == (1003, 3, 3.0)
    assert read.settings.models_folder == Path("models")
    assert {one.name: (one.origin.source, one.origin.place) for one in read.shown()} == {
        **dict.fromkeys(ServiceSettings.model_fields, ("default", "")),
        "port": ("option", "--port"),
        "workers": ("environment", "PRICELM_WORKERS"),
        "poll_seconds": ("file", str(file)),
        "models_folder": ("file", str(file)),
    }
    assert read_settings().port == 1002


def test_a_file_that_is_named_goes_before_the_one_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRICELM_CONFIG", str(tmp_path / "not-there.toml"))
    assert read_configuration(write(tmp_path, "port = 1001")).settings.port == 1001
    with pytest.raises(ConfigError, match=r"not-there\.toml .*No such file"):
        read_settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 80", r"pricelm\.toml: expected the name of a setting, got 'prot'; did you mean 'port'\?"),
        ("[port]\nnumber = 80", r"port: expected a valid integer, got \{'number': 80\}"),
        ("[service]\nport = 80", "got the table 'service'"),
        ('port = "80"', "port: expected a valid integer, got '80'"),
        ("port = true", "port: expected a valid integer, got True"),
        ("port = 99999", "port: expected a number less than or equal to 65535, got 99999"),
        ("console = 1979-05-27", "console: expected 'auto', 'on' or 'off', got "),
        ("poll_seconds = nan", "poll_seconds: expected"),
        ("port = ", "expected TOML"),
        (f"store = '{STORE}", "expected TOML"),
        (f"store = ['{STORE}']", "store: expected a valid string, got a value that is not shown"),
        (f"stor = '{STORE}'\nmodel_name = '{STORE}'", "model_name: expected a text that matches"),
        (f"port = '{STORE}'", r"got 'postgresql://shop:\*\*\*@db.example/shop'"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_key_and_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        read_configuration(write(tmp_path, text))
    assert PASSWORD not in str(raised.value)


def test_bytes_and_giants_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    file.write_bytes(b"port = '\xff'")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_configuration(file)
    file.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="below 1 MB"):
        read_configuration(file)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PRICELM_PORT", "many", "PRICELM_PORT: expected a valid integer.*got 'many'"),
        ("PRICELM_STORE", "", "PRICELM_STORE: expected a text of at least 1 character"),
        ("PRICELM_PORT", STORE, r"got 'postgresql://shop:\*\*\*@"),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=said) as raised:
        read_settings()
    assert PASSWORD not in str(raised.value)


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store").write_text(f"{STORE}\n", "utf-8")
    monkeypatch.setenv("PRICELM_STORE_FILE", str(tmp_path / "store"))
    read = read_configuration()
    assert read.settings.store == STORE
    assert read.layers.origins["store"].place == f"PRICELM_STORE_FILE={tmp_path / 'store'}"
    assert read.layers.warnings == ()
    monkeypatch.setenv("PRICELM_STORE", "sqlite://")
    with pytest.raises(ConfigError, match="expected one of PRICELM_STORE and PRICELM_STORE_FILE, got both"):
        read_settings()


def test_what_everybody_can_read_and_what_does_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRICELM_PROT", "80")
    readable = read_configuration(write(tmp_path, f"store = '{STORE}'", 0o644)).layers.warnings
    assert [line.split()[0] for line in readable] == ["PRICELM_PROT", str(tmp_path / "pricelm.toml")]
    assert "did you mean 'PRICELM_PORT'" in readable[0]
    assert "chmod 640" in readable[1]
    monkeypatch.delenv("PRICELM_PROT")
    assert read_configuration(write(tmp_path, f"store = '{STORE}'", 0o640)).layers.warnings == ()
    assert read_configuration(write(tmp_path, "store = 'sqlite:///a.db'", 0o644)).layers.warnings == ()


SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=6, max_size=30).filter(
    lambda text: text.strip() == text and not re.search(r"\d{3}|pricelm|shop|example", text)
)
PLACES = (
    "postgresql://shop:{}@db.example/shop",
    "postgresql://shop:{}@db.example/shop?sslmode=require#prices",
    "postgresql://shop:{}@[::1]:5432/shop",
    "postgresql:///shop?password={}",
    "postgresql://shop@db.example/shop?sslmode=require&sslpassword={}&sslkey=x",
    "postgresql:shop:{}@db.example",
    "host=db.example password={}",
    "https://hooks.example/T01/{}",
    "https://hooks.example/prices?token={}",
    "https://{}@hooks.example/prices",
    "https://hooks.example#{}",
)


@settings(deadline=None)
@given(SECRETS, st.sampled_from(PLACES), st.booleans())
def test_no_secret_is_shown_of_any_address(secret: str, place: str, escaped: bool) -> None:
    written = quote(secret, safe="") if escaped else secret
    shown = masked_address(place.format(written))
    assert secret not in shown
    assert written not in shown
    assert MASK in shown


@settings(max_examples=10, deadline=None)
@given(SECRETS, st.sampled_from(PLACES), st.sampled_from(["store", "price_target"]))
def test_no_secret_is_in_the_output_of_the_command(secret: str, place: str, name: str) -> None:
    address = place.format(quote(secret, safe=""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"PRICELM_{name.upper()}", address)
        for arguments in ([], ["--json"]):
            done = CliRunner().invoke(app, ["config", "show", *arguments], env={"COLUMNS": "400"})
            assert done.exit_code == 0, done.output
            assert secret not in done.output
            assert quote(secret, safe="") not in done.output
        read = repr(read_configuration())
        assert secret not in read
        assert quote(secret, safe="") not in read


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///pricelm.db",
        "sqlite:////var/lib/pricelm/pricelm.db#prices",
        "postgresql://shop@db.example:5432/shop?sslmode=verify-full&connect_timeout=5",
        "prices-sent",
        "/var/lib/pricelm/prices sent",
        "https://shop.example",
        "",
    ],
)
def test_an_address_without_a_secret_is_shown_as_it_is(text: str) -> None:
    assert masked_address(text) == text


class Later(BaseSettings):
    """Settings as another part of pricelm may add them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    client_secret: SecretStr | None = None
    issuer: Annotated[str | None, MAY_HOLD_SECRET] = None


def test_a_secret_text_is_never_shown_and_may_stand_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "client").write_text(PASSWORD, "utf-8")
    monkeypatch.setenv("PRICELM_CLIENT_SECRET_FILE", str(tmp_path / "client"))
    layers = read_layers(Later, {})
    made = checked(Later, layers)
    assert made.client_secret is not None
    assert made.client_secret.get_secret_value() == PASSWORD
    assert shown_value(Later.model_fields["client_secret"], made.client_secret) == MASK
    assert PASSWORD not in repr(made)
    file = write(tmp_path, f"client_secret = '{PASSWORD}'", 0o644)
    monkeypatch.delenv("PRICELM_CLIENT_SECRET_FILE")
    assert "client_secret" in read_layers(Later, {}, file).warnings[0]


def test_what_is_called_a_secret_is_marked_as_one() -> None:
    named = [
        name
        for name, field in ServiceSettings.model_fields.items()
        if field.annotation not in (int, float, bool)
        and re.search("secret|password|token|credential|store|target|url", name)
    ]
    assert {"store", "price_target", "oidc_client_secret"} <= set(named)
    for harmless in ("public_url", "password_login"):
        named.remove(harmless)
    assert [name for name in named if not holds_secret(ServiceSettings.model_fields[name])] == []


def test_settings_reach_the_workers_of_a_service() -> None:
    made = read_settings(store=STORE, workers=2)
    assert pickle.loads(pickle.dumps(made)) == made
    assert PASSWORD not in repr(made)


def test_the_document_says_whence_each_value_came(tmp_path: Path) -> None:
    file = write(tmp_path, "port = 1001\nmodels_folder = 'models'")
    done = CliRunner().invoke(app, ["config", "show", "--config", str(file), "--workers", "2", "--json"])
    document = json.loads(done.stdout)
    assert document["file"] == str(file)
    assert document["settings"]["port"] == {"value": 1001, "source": "file", "place": str(file)}
    assert document["settings"]["models_folder"]["value"] == "models"
    assert document["settings"]["workers"]["source"] == "option"
    assert document["settings"]["threads"] == {"value": None, "source": "default", "place": ""}
