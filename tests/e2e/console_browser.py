"""A service with the console and a browser that looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pricelm.services.console_users import add_console_user

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PASSWORD = "a long password"
ROLES = ("viewer", "analyst", "approver", "admin")
WAIT_MS = 8_000
# Nothing is worked out any more, tables have their columns, and nothing has moved for a moment.
_SETTLED = """
async () => {
  const waits = () => document.querySelector("[aria-busy=true]")
    || [...document.querySelectorAll(".ag-header-row")].some((row) => !row.children.length);
  for (let turn = 0; turn < 300 && waits(); turn++) await new Promise((go) => setTimeout(go, 100));
  await new Promise((done) => {
    const watch = new MutationObserver(() => again());
    const end = setTimeout(finish, 5000);
    let still;
    function finish() { watch.disconnect(); clearTimeout(end); done(); }
    function again() { clearTimeout(still); still = setTimeout(finish, 500); }
    watch.observe(document.body, { subtree: true, childList: true, attributes: true });
    again();
  });
}
"""
expect.set_options(timeout=WAIT_MS)


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Give Debian's own browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
        )
        yield browser
        browser.close()


def add_users(store_url: str) -> None:
    """Add one user of each role, called like the role, and a second approver."""
    for name in ROLES:
        add_console_user(store_url, name, name, PASSWORD, "test")


def logged_in(
    browser: Browser, address: str, name: str, *, language: str = "en-US", width: int = 1280
) -> Page:
    """Return a page of somebody who is logged in, which remembers what the browser complains about."""
    context = browser.new_context(
        viewport={"width": width, "height": 860}, locale=language, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.complaints = complaints  # type: ignore[attr-defined]
    page.goto(f"{address}/console/login")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button")
    expect(page.locator("main h1").first).to_be_visible()
    return page


def flaws(page: Page, address: str, paths: tuple[str, ...]) -> dict[str, tuple[list[object], bool]]:
    """Return the pages that have a serious accessibility problem, or run over the side of the screen."""
    found = {}
    for path in paths:
        page.goto(f"{address}/console{path}")
        page.locator("main h1").first.wait_for()
        page.evaluate(_SETTLED)
        result = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        bad = [
            (one["id"], [node["target"] for node in one["nodes"]][:3])
            for one in result
            if one["impact"] in ("serious", "critical")
        ]
        over = page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        if bad or over:
            found[path] = bad, over
    return found


def save_picture(page: Page, name: str) -> None:
    """Write a picture of the page for the documentation, where that is asked for."""
    folder = os.environ.get("PRICELM_CONSOLE_PICTURES")
    if folder:
        page.wait_for_timeout(600)
        page.screenshot(path=Path(folder) / f"console-{name}.png")
