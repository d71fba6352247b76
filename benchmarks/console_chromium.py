"""How the console feels in a real browser: the table of ten thousand rows, and the slider of one product.

All times are taken inside the page by the browser's own clock: drawing by mutations of the page, smoothness
by animation frames and by what the browser itself calls a long task.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.console_shop import PASSWORD
from benchmarks.results import Row, passes

SLIDER_BAR = "< 200"
TASK_BAR = "<= 100"
_OPENINGS = 8
_MOVES = 50
_PAUSE_MS = 150
_SCROLL_STEPS = 60
_WAIT_MS = 30_000
_WORDS = ("desk", "lamp", "steel", "handmade", "mug")
_NOTE_FIRST_ROWS = """
new MutationObserver((_, seen) => {
  if (!document.querySelector(".ag-center-cols-container .ag-row")) return;
  seen.disconnect();
  requestAnimationFrame(() => { window.firstRows = performance.now(); });
}).observe(document, { childList: true, subtree: true });
"""
_WATCH = """() => {
  window.tasks = []; window.frames = [];
  const note = (list) => tasks.push(...list.getEntries().map((one) => one.duration));
  window.seen = new PerformanceObserver(note);
  seen.observe({ entryTypes: ["longtask"] });
  let last = performance.now();
  const frame = (now) => { frames.push(now - last); last = now; window.next = requestAnimationFrame(frame); };
  window.next = requestAnimationFrame(frame);
}"""
_STOP = "() => { cancelAnimationFrame(next); seen.disconnect(); return [tasks, frames.slice(1)]; }"
_NOTE_ANSWERS = """() => {
  window.took = []; let asked = 0, before = "";
  const text = () => document.querySelector(".answer")?.innerText;
  document.addEventListener("keydown", () => { asked = performance.now(); before = text(); }, true);
  new MutationObserver(() => {
    if (!asked || !text() || text() === before) return;
    took.push(performance.now() - asked); asked = 0;
  }).observe(document.querySelector("main, .page"), { childList: true, subtree: true, characterData: true });
}"""
_NOTE_SEARCHES = """() => {
  window.took = []; let asked = 0;
  document.addEventListener("input", () => { asked = performance.now(); }, true);
  pricelmApi.addEventListener("modelUpdated", () => requestAnimationFrame(() => {
    if (asked) took.push(performance.now() - asked);
    asked = 0;
  }));
}"""


def browser_rows(address: str, batch: int, sku: str) -> list[Row]:
    """Open the console in Chromium and return what was measured.

    Parameters
    ----------
    address : str
        ``http://host:port`` of the service.
    batch : int
        The plan.
    sku : str
        The product whose slider is moved.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            page = browser.new_page(viewport={"width": 1366, "height": 900})
            page.set_default_timeout(_WAIT_MS)
            page.goto(f"{address}/console/login")
            page.fill("#name", "user 0")
            page.fill("#password", PASSWORD)
            page.click("button")
            return [
                *_table_rows(page, address),
                *_slider_rows(page, f"{address}/console/product/{batch}/{sku}"),
            ]
        finally:
            browser.close()


def _table_rows(page: Any, address: str) -> list[Row]:
    case = "table of 10,000 rows"
    page.add_init_script(_NOTE_FIRST_ROWS)
    first = []
    for _ in range(_OPENINGS):
        page.goto(f"{address}/console/")
        page.wait_for_function("window.firstRows")
        first.append(page.evaluate("window.firstRows"))
    page.evaluate(_WATCH)
    page.hover(".ag-body-viewport")
    for step in range(_SCROLL_STEPS):
        page.mouse.wheel(0, 3_000 if step % 2 else 300)
        page.wait_for_timeout(50)
    tasks, frames = page.evaluate(_STOP)
    page.evaluate(_NOTE_SEARCHES)
    for word in _WORDS:
        page.fill(".filters input", word)
        page.wait_for_function("count => took.length >= count", arg=_WORDS.index(word) + 1)
    searches = page.evaluate("took")
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")
    heap = {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}
    longest = round(max(tasks, default=0.0), 1)
    late = float(np.mean(np.array(frames) > 1.5 * np.median(frames))) if frames else 0.0
    return [
        Row(case, "p50_ms_to_the_first_rows", _quantile(first, 0.5)),
        Row(case, "p95_ms_to_the_first_rows", _quantile(first, 0.95)),
        Row(f"{case}, scrolling", "longest_task_ms", longest, bar=TASK_BAR, ok=passes(longest, TASK_BAR)),
        Row(f"{case}, scrolling", "p99_ms_between_frames", _quantile(frames, 0.99)),
        Row(f"{case}, scrolling", "share_of_late_frames", round(late, 3)),
        Row(f"{case}, searching", "p95_ms_from_letter_to_rows", _quantile(searches, 0.95)),
        Row(case, "heap_megabytes", round(heap["JSHeapUsedSize"] / 1e6, 1)),
    ]


def _slider_rows(page: Any, address: str) -> list[Row]:
    page.goto(address)
    page.wait_for_selector(".answer")
    page.wait_for_function("window.did_handshake")
    page.evaluate(_NOTE_ANSWERS)
    page.focus(".q-slider [tabindex='0']")
    for move in range(_MOVES):
        page.keyboard.press("ArrowLeft" if move % 10 < 5 else "ArrowRight")
        page.wait_for_function("count => took.length >= count", arg=move + 1)
        page.wait_for_timeout(_PAUSE_MS)
    took = page.evaluate("took")
    p95 = _quantile(took, 0.95)
    case = f"what-if slider, {len(took)} moves"
    return [
        Row(case, "p50_ms", _quantile(took, 0.5)),
        Row(case, "p95_ms", p95, bar=SLIDER_BAR, ok=passes(p95, SLIDER_BAR)),
    ]


def _quantile(milliseconds: Sequence[float], share: float) -> float:
    return round(float(np.quantile(milliseconds, share)), 1)
