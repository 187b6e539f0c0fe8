"""The pages of the lab in a real browser: Chromium, headless, driven over its debugging pipe."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.browser import Browser, BrowserError, Page, chromium_command
from tests.helpers.lab_result import a_long_result, a_result, named

from carpio.lab.compare import Comparison, Run, write_comparison
from carpio.lab.html import write_page

pytestmark = pytest.mark.lab

WIDTHS = (1280, 390)
MOST_S = 3.0
"""A long report is drawn within this, from the start of loading; the lab's target."""
COUNT_COLOURS = """
(() => {
  const canvas = document.getElementById("canvas");
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const found = new Set();
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3]) found.add(data.slice(at, at + 3).join());
  return found.size;
})()
"""
SUM_OF_PIXELS = """
(() => {
  const canvas = document.getElementById("canvas");
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum = (sum * 31 + data[at]) % 4294967291;
  return sum;
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    command = chromium_command()
    if command is None:
        reason = "Chromium is not installed: scripts/setup browser"
        if os.environ.get("CARPIO_REQUIRE_LAB"):
            pytest.fail(reason)
        pytest.skip(reason)
    with Browser(command, tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.page(width=1280) as opened:
        yield opened


def is_wider_than_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_report_is_drawn_without_errors_requests_or_sideways_scrolling(
    browser: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    path = write_page(a_result(), tmp_path)
    with browser.page(width=width, dark=dark) as page:
        page.open(path)
        page.next_frame()
        assert page.complaints() == []
        assert page.evaluate("document.getElementById('verdict').textContent") == "Wrong"
        assert page.evaluate(COUNT_COLOURS) > 10
        assert not is_wider_than_window(page)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(14, 20, 27)" if dark else "rgb(246, 247, 249)"
        )


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('oh')", "console: "),
        ("null.oh", "exception: "),
        ("new Image().src = 'http://127.0.0.1:9/x.png'", "request: http://127.0.0.1:9/x.png"),
    ],
)
def test_page_that_does_what_it_must_not_is_seen(
    page: Page, tmp_path: Path, script: str, complaint: str
) -> None:
    path = tmp_path / "bad.html"
    path.write_text(f"<!DOCTYPE html><title>bad</title><script>{script}</script>")
    page.open(path)
    assert any(text.startswith(complaint) for text in page.complaints())


def test_browser_refuses_a_request_of_the_report_even_if_there_were_one(
    page: Page, tmp_path: Path
) -> None:
    page.open(write_page(a_result(), tmp_path))
    script = (
        "new Promise(done => { const image = new Image(); image.onload = () => done('loaded');"
        " image.onerror = () => done('refused'); image.src = 'result.png'; })"
    )
    (tmp_path / "result.png").write_bytes(b"")
    assert page.evaluate(script) == "refused"
    assert any("Content Security Policy" in text for text in page.complaints())


def test_names_from_outside_run_no_script(page: Page, tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=\"document.title='taken'\">"
    page.open(write_page(named(hostile), tmp_path))
    page.next_frame()
    assert page.complaints() == []
    assert page.evaluate("document.title") != "taken"
    assert page.evaluate("document.images.length") == 0
    assert page.evaluate("document.querySelector('h1').textContent") == hostile


@pytest.mark.alone
def test_long_report_is_drawn_in_time(page: Page, tmp_path: Path) -> None:
    path = write_page(a_long_result(), tmp_path)
    took_s = []
    for _ in range(3):
        began = time.monotonic()
        page.open(path)
        page.next_frame()
        took_s.append(time.monotonic() - began)
    assert page.complaints() == []
    assert page.evaluate("document.querySelectorAll('*').length") < 20_000
    assert min(took_s) < MOST_S, took_s


def test_zoom_by_buttons_and_keys_changes_what_is_drawn(page: Page, tmp_path: Path) -> None:
    page.open(write_page(a_result(), tmp_path))
    page.next_frame()
    seen = {page.evaluate(SUM_OF_PIXELS)}
    for action in ("in", "right", "out", "all"):
        page.evaluate(f"document.querySelector('[data-do={action}]').click()")
        page.next_frame()
        seen.add(page.evaluate(SUM_OF_PIXELS))
    assert len(seen) == 3  # all of it, a half, and a later half; out is all again
    page.evaluate("document.getElementById('canvas').focus()")
    before = page.evaluate(SUM_OF_PIXELS)
    page.press("+")
    page.next_frame()
    zoomed = page.evaluate(SUM_OF_PIXELS)
    assert zoomed != before
    page.press("0")
    page.next_frame()
    assert page.evaluate(SUM_OF_PIXELS) == before


def test_button_of_an_event_shows_the_event_and_is_pressed(page: Page, tmp_path: Path) -> None:
    page.open(write_page(a_result(), tmp_path))
    page.evaluate("document.querySelector('[data-event=\"1\"]').click()")
    page.next_frame()
    pressed = (
        "[...document.querySelectorAll('[data-event]')].map(b => b.getAttribute('aria-pressed'))"
    )
    assert page.evaluate(pressed) == ["false", "true"]


def test_moments_are_read_out_one_by_one_by_key(page: Page, tmp_path: Path) -> None:
    page.open(write_page(a_result(), tmp_path))
    page.evaluate("document.getElementById('canvas').focus()")
    readout = "document.getElementById('readout').textContent"
    told = []
    for key in "nnp":
        page.press(key)
        told.append(page.evaluate(readout))
    assert told[0].startswith("0.000 s, a: start a (moment 1 of ")
    assert told[1] != told[0] == told[2]


def test_pointer_over_the_timeline_tells_what_is_there(page: Page, tmp_path: Path) -> None:
    page.open(write_page(a_result(), tmp_path))
    page.evaluate("document.getElementById('canvas').scrollIntoView({behavior: 'instant'})")
    page.next_frame()
    box = "JSON.stringify(document.getElementById('canvas').getBoundingClientRect())"
    place = json.loads(page.evaluate(box))
    told = set()
    for y in range(20, int(place["height"]) - 50, 6):
        page.mouse("mouseMoved", place["x"] + 700, place["y"] + y)
        told.add(page.evaluate("document.getElementById('tip').innerText"))
    everything = "\n".join(told)
    assert "event 2: a loses power" in everything
    assert "no answers for 2.40 s" in everything
    assert "is not MASTER" in everything


def test_wheel_with_control_zooms_and_dragging_moves(page: Page, tmp_path: Path) -> None:
    page.open(write_page(a_result(), tmp_path))
    page.evaluate("document.getElementById('canvas').scrollIntoView({behavior: 'instant'})")
    page.next_frame()
    box = "JSON.stringify(document.getElementById('canvas').getBoundingClientRect())"
    place = json.loads(page.evaluate(box))
    x, y = place["x"] + 600, place["y"] + 100
    whole = page.evaluate(SUM_OF_PIXELS)
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400, modifiers=2)
    page.mouse("mouseMoved", 1, 1)
    page.next_frame()
    zoomed = page.evaluate(SUM_OF_PIXELS)
    page.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
    page.mouse("mouseMoved", x - 150, y, button="left", buttons=1)
    page.mouse("mouseReleased", x - 150, y, button="left", clickCount=1)
    page.mouse("mouseMoved", 1, 1)
    page.next_frame()
    moved = page.evaluate(SUM_OF_PIXELS)
    assert len({whole, zoomed, moved}) == 3


def test_every_control_is_reached_by_the_tab_key_and_has_a_name(page: Page, tmp_path: Path) -> None:
    page.open(write_page(a_result(), tmp_path))
    nameless = (
        "[...document.querySelectorAll('button, select, canvas, a, [tabindex]')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))"
        ".map(e => e.outerHTML)"
    )
    assert page.evaluate(nameless) == []
    reached = set()
    for _ in range(60):
        page.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.dataset.do"))
    assert {"canvas", "in", "out", "all", "next", "previous"} <= reached


def test_page_without_scripts_still_has_verdict_and_table(page: Page, tmp_path: Path) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(write_page(a_result(), tmp_path))
    document = page.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    found = page.call("DOM.querySelectorAll", nodeId=document, selector="#moments tbody tr")
    assert len(found["nodeIds"]) > 5


@pytest.mark.parametrize("width", WIDTHS)
def test_comparison_is_drawn_without_errors_requests_or_sideways_scrolling(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    good = replace(a_result(), problems=())
    comparison = Comparison(
        command="carpio lab compare crash",
        implementations=("carpio", "ucarp", "frr"),
        runs=(
            Run(scenario="crash", implementation="carpio", directory="crash/carpio", result=good),
            Run(
                scenario="crash", implementation="ucarp", directory="crash/ucarp", result=a_result()
            ),
            Run(
                scenario="crash",
                implementation="frr",
                directory="crash/frr",
                failure="frr is not installed",
            ),
        ),
    )
    path = write_comparison(comparison, tmp_path)
    with browser.page(width=width) as page:
        page.open(path)
        assert page.complaints() == []
        assert not is_wider_than_window(page)
        assert "frr is not installed" in page.evaluate("document.body.innerText")


def test_browser_that_cannot_open_a_file_says_so(page: Page, tmp_path: Path) -> None:
    with pytest.raises(BrowserError, match="ERR_FILE_NOT_FOUND"):
        page.open(tmp_path / "nothing.html")
