"""Every route of the API as nobody and as each role, against the table of docs/http.md."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from pricelm.services.service_keys import Role, add_key
from pricelm.services.service_settings import read_settings
from pricelm.web.api.app import describe
from pricelm.web.api.metrics import Metrics
from tests.unit.web.conftest import Client

TEXT = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")


def documented_roles() -> dict[str, int]:
    """Return what each route of the table needs: 0 for nobody."""
    table = re.findall(r"^\| (`(?:GET|POST) [^|]*) \| (\w*) ?\| ", TEXT, re.MULTILINE)
    return {
        route: Role[role] if role else 0
        for routes, role in table
        for route in re.findall(r"`([^`]+)`", routes)
    }


def test_every_route_answers_those_whom_the_documentation_names(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = documented_roles()
    document = describe(read_settings(), Metrics()).openapi()
    routes = [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]
    assert sorted(needed) == sorted(routes)
    keys = {0: ""} | {
        role: add_key(f"sqlite:///{tmp_path / 'store.db'}", role.name, role.name, "test") for role in Role
    }

    async def body() -> None:
        async with client() as http:
            for route, role in needed.items():
                method, path = route.split(" ")
                path = path.replace("{name}", "price").replace("{version}", "999")
                for rank, key in keys.items():
                    headers = {"Authorization": f"Bearer {key}"} if key else {}
                    answer = await http.request(method, path, headers=headers, json={})
                    wanted = 0 if rank >= role else 403 if rank else 401
                    got = answer.status_code if answer.status_code in (401, 403) else 0
                    assert (route, rank, got) == (route, rank, wanted)
            for path in ("/v1/keys", "/v1/users", "/docs", "/admin", "/v1/models/1/delete"):
                assert (await http.get(path)).status_code in (401, 404)

    asyncio.run(body())
