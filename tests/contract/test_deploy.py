"""The compose file, the image and the systemd unit name what exists, and fit each other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from pricelm.services.secret_values import holds_secret
from pricelm.services.service_settings import ServiceSettings, read_configuration
from pricelm.services.settings_sources import CONFIG_VARIABLE
from pricelm.storage.migrations import revisions
from pricelm.web.api.app import describe
from pricelm.web.api.metrics import Metrics
from tests.contract.test_docs import ROOT, understood

DEPLOY = ROOT / "deploy"
UNIT = (DEPLOY / "pricelm.service").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("api", "console")
# beyond the time that running requests have: the rest of a batch, and of a transaction
MARGIN_SECONDS = 20


def directives(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


def known_variables() -> set[str]:
    fields = ServiceSettings.model_fields
    own = {f"PRICELM_{name.upper()}" for name in fields}
    return (
        own
        | {f"PRICELM_{n.upper()}_FILE" for n, one in fields.items() if holds_secret(one)}
        | {CONFIG_VARIABLE}
    )


def test_every_variable_is_a_setting() -> None:
    named = {
        one for file in DEPLOY.iterdir() for one in re.findall(r"PRICELM_[A-Z_]+", file.read_text("utf-8"))
    }
    assert {"PRICELM_STORE_FILE", "PRICELM_CONFIG", "PRICELM_PORT"} <= named
    assert sorted(named - known_variables()) == []


def test_the_file_of_settings_holds_what_holds_anyway() -> None:
    read = read_configuration(DEPLOY / "pricelm.toml")
    assert read.layers.values
    assert read.settings == ServiceSettings()


@pytest.mark.parametrize("command", [*directives("ExecStartPre"), *directives("ExecStart")])
def test_the_unit_runs_a_command_that_exists(command: str) -> None:
    program, *words = shlex.split(command)
    assert Path(program).name == "pricelm"
    understood(words)


@pytest.mark.parametrize("name", OURS)
def test_a_container_runs_a_command_that_exists(name: str) -> None:
    image = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert 'ENTRYPOINT ["pricelm"]' in image
    understood(SERVICES[name]["command"])


def test_a_stop_is_given_the_time_that_it_takes() -> None:
    needed = ServiceSettings().drain_seconds + MARGIN_SECONDS
    (told,) = directives("TimeoutStopSec")
    given = [int(told), *(int(SERVICES[name]["stop_grace_period"].rstrip("s")) for name in OURS)]
    assert [one for one in given if one < needed] == []


@pytest.mark.parametrize("name", OURS)
def test_ports_paths_and_health_fit_each_other(name: str) -> None:
    one = SERVICES[name]
    environment = one["environment"]
    (published,) = one["ports"]
    assert published == f"127.0.0.1:{environment['PRICELM_PORT']}:{environment['PRICELM_PORT']}"
    url = urlsplit(re.search(r"http://[^']+", one["healthcheck"]["test"][-1])[0])  # type: ignore[index]
    assert str(url.port) == environment["PRICELM_PORT"]
    assert url.path in describe(ServiceSettings(), Metrics()).openapi()["paths"]
    assert environment["PRICELM_STORE_FILE"] == f"/run/secrets/{one['secrets'][0]}"
    assert environment["PRICELM_CONFIG"] in [config["target"] for config in one["configs"]]
    mounted = [volume.split(":")[1] for volume in one["volumes"]]
    places = [one["command"][1], environment.get("PRICELM_PRICE_TARGET", mounted[0])]
    assert all(any(place.startswith(folder) for folder in mounted) for place in places)


def test_the_console_runs_in_one_worker_and_the_api_without_it() -> None:
    settings = {name: SERVICES[name]["environment"] for name in OURS}
    assert (settings["console"]["PRICELM_CONSOLE"], settings["console"]["PRICELM_WORKERS"]) == ("on", "1")
    assert settings["api"]["PRICELM_CONSOLE"] == "off"


@pytest.mark.parametrize("name", OURS)
def test_containers_may_do_little(name: str) -> None:
    one = SERVICES[name]
    assert one["user"] == "10001:10001" and "USER 10001:10001" in (DEPLOY / "Dockerfile").read_text("utf-8")
    assert one["read_only"] and one["cap_drop"] == ["ALL"] and "no-new-privileges:true" in one["security_opt"]
    assert {"cpus", "memory"} <= set(one["deploy"]["resources"]["limits"])


def test_secrets_are_files_and_images_come_without_a_host() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert set(COMPOSE["secrets"]) == {"store", "database_password"}
    assert all(set(one) == {"file"} for one in COMPOSE["secrets"].values())
    values = [str(value) for one in SERVICES.values() for value in one.get("environment", {}).values()]
    assert [value for value in values if "://" in value] == []
    images = re.findall(r"^ *image: (.+)$", text, re.MULTILINE)
    images += re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert images and [one for one in images if "/" in one] == []


ON_CALL = [
    (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("operations", "runbook", "upgrading")
]


def test_those_on_call_are_told_of_numbers_and_events_that_exist() -> None:
    rendered = Metrics().render().decode()
    named = {name for text in ON_CALL for name in re.findall(r"`(pricelm_\w+)", text)}
    assert named
    assert [name for name in sorted(named) if f"# TYPE {name} " not in rendered] == []
    source = "\n".join(file.read_text("utf-8") for file in (ROOT / "src" / "pricelm").rglob("*.py"))
    events = {one for text in ON_CALL for one in re.findall(r'"event": "([^"]+)"', text)}
    # the server's own, with the number of a process
    written = [one for one in events if f'"{one}"' in source or one.startswith("Child process [")]
    assert len(events) > 5 and sorted(written) == sorted(events)


def test_every_form_of_the_store_is_in_the_upgrade_guide() -> None:
    text = (ROOT / "docs" / "upgrading.md").read_text("utf-8")
    assert re.findall(r"^\| `(\d{4})` \|", text, re.MULTILINE) == revisions()
