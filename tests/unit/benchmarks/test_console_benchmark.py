"""The console's benchmark: its people hear and say what a browser would, and nothing that fails is lost."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from benchmarks.console import action_row, memory_rows
from benchmarks.console_client import ConsoleError, OpenPage, page_elements
from benchmarks.console_shop import Shop
from benchmarks.console_users import Clock, Plan

PAGE = """<script type="module">
      const app = createApp(parseElements(String.raw`{"4":{"tag":"q-btn",
"props":{"label":"a &lt;b&gt; &#36;{1} &#96;"},
"events":[{"type":"click","listener_id":"one"},{"type":"click","listener_id":"two"}]},
"5":{"tag":"div","text":"x"}}`), {
        query: {'client_id': 'abc', 'next_message_id': 0, 'implicit_handshake': True},
"""


class Socket:
    """Remembers what is said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []

    async def emit(self, event: str, data: Any) -> None:
        self.said.append((event, data))


def opened() -> tuple[OpenPage, Socket]:
    page = OpenPage(*page_elements(PAGE))
    page._socket = Socket()
    return page, page._socket


def test_a_page_says_what_is_on_it_and_who_listens() -> None:
    page, socket = opened()
    assert page.one("btn", "a <b> ${1} `") == 4 and page.find("btn", "other") == []
    assert page.query["client_id"] == "abc"
    asyncio.run(page.send(4, "click", {"x": 1}))
    messages = [data for event, data in socket.said if event == "event"]
    # a browser tells everybody who listens
    assert [one["listener_id"] for one in messages] == ["one", "two"]
    assert messages[0]["id"] == 4 and json.loads(messages[0]["args"][0]) == {"x": 1}
    with pytest.raises(ConsoleError, match="listens for click"):
        asyncio.run(page.send(5, "click"))
    with pytest.raises(ConsoleError, match="page of the console"):
        page_elements("<html>log in first</html>")


def test_what_comes_through_the_socket_changes_the_page_and_is_answered() -> None:
    page, socket = opened()
    page.chosen = ["a", "b"]

    async def hear() -> None:
        await page._hear("update", {"4": None, "6": {"tag": "q-dialog"}, "_id": 1})
        await page._hear("run_javascript", {"code": "return pricelmChosen()", "request_id": "r"})
        await page.until(0, lambda event, told: event == "update" and "6" in told)

    asyncio.run(hear())
    assert sorted(page.elements) == [5, 6]
    answer = {"request_id": "r", "client_id": "abc", "result": ["a", "b"]}
    assert socket.said == [("javascript_response", answer)]


def test_a_defect_or_a_lost_connection_is_an_error_and_no_time() -> None:
    page, _ = opened()

    async def wait(timing: Clock) -> None:
        async with timing.timing("approve"):
            await page.until(0, lambda event, told: False)

    clock = Clock()
    page.said.append(("notify", {"type": "negative", "message": "Something unexpected happened"}))
    with pytest.raises(ConsoleError, match="unexpected"):
        asyncio.run(wait(clock))
    page.said.clear()
    page._gone()
    with pytest.raises(ConsoleError, match="broke"):
        asyncio.run(wait(clock))
    assert clock.all_seconds == []


def test_nobody_decides_about_what_somebody_else_decides_about() -> None:
    rows = [{"sku": f"p{n}", "step": "waiting" if n % 2 else "hold"} for n in range(8)]
    plan = Plan(1)
    plan.learn(json.dumps(rows).encode())
    assert (plan.take(3), plan.take(3), plan.take(1)) == (["p1", "p3", "p5"], ["p7"], [])


def test_everybody_has_a_role_in_the_promised_shares() -> None:
    roles = [role for _, role in Shop().people()]
    counted = {role: roles.count(role) for role in set(roles)}
    assert counted == pytest.approx({"viewer": 20, "analyst": 12, "approver": 14, "admin": 4}, abs=1)


def test_rows_say_the_tail_and_what_memory_grew_by() -> None:
    row = action_row("open Today", [n / 1000 for n in range(1, 101)])
    assert row.ours == pytest.approx(95.05, abs=0.1) and row.peers["p99"] == pytest.approx(99, abs=0.1)
    assert row.peers["times"] == 100
    assert memory_rows("x", [1.0, 300.0, 310.0, 330.0])[-1].ours == 20.0
