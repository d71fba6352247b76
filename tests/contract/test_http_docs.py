"""docs/http.md has every route, setting, metric and kind of problem, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from pricelm.services.service_settings import ServiceSettings, read_settings
from pricelm.web.api.app import describe
from pricelm.web.api.logs import FIELDS
from pricelm.web.api.metrics import Metrics
from pricelm.web.api.problems import KINDS

TEXT = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default() -> None:
    shown = dict(re.findall(r"^\| `PRICELM_(\w+)` \| ([^|]*) \|", TEXT, re.MULTILINE))
    real = {
        name.upper(): "" if field.default is None else f"`{field.default}`"
        for name, field in ServiceSettings.model_fields.items()
    }
    assert {name: default.strip() for name, default in shown.items()} == real


def test_every_route_is_documented() -> None:
    document = describe(read_settings(), Metrics()).openapi()
    real = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert set(re.findall(r"`((?:GET|POST) /(?!openapi)[^`?]*)`", TEXT)) == real


def test_every_kind_of_problem_is_documented() -> None:
    shown = {
        kind: int(status) for kind, status in re.findall(r"^\| `([\w-]+)` \| (\d{3}) \|", TEXT, re.MULTILINE)
    }
    assert shown == {kind: status for kind, (status, _) in KINDS.items()}


def test_every_field_of_the_log_is_documented() -> None:
    table = TEXT.partition("| field | what |")[2].partition("\n\n")[0]
    shown = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1] if line else "")
    }
    assert shown == {"time", "level", "event", *FIELDS}


def test_every_metric_is_documented() -> None:
    rendered = Metrics().render().decode()
    real = set(re.findall(r"^# TYPE (pricelm_\w+)", rendered, re.MULTILINE))
    shown = set(re.findall(r"`(pricelm_\w+)`", TEXT))
    assert {name for name in real if not name.endswith("_created")} == shown
