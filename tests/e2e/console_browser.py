"""A service with the console and a browser that looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from pricelm.services.console_users import add_console_user

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PASSWORD = "a long password"
ROLES = ("viewer", "analyst", "approver", "admin")
WAIT_MS = 8_000
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


def save_picture(page: Page, name: str) -> None:
    """Write a picture of the page for the documentation, where that is asked for."""
    folder = os.environ.get("PRICELM_CONSOLE_PICTURES")
    if folder:
        page.wait_for_timeout(600)
        page.screenshot(path=Path(folder) / f"console-{name}.png")
