"""Every page of the list, at a desk and on a phone, in light and dark: open to all, and light."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.browser import axe
from tests.browser.conftest import Furnished, opened, watched
from tests.browser.pages import DESK, PAGES, PHONE, PICTURES, Picture, WalkedPage

SIZES = {"desk": DESK, "phone": PHONE}
SCHEMES = ("light", "dark")
COLOUR_RULES = ("color-contrast", "link-in-text-block")
FOLDER = os.environ.get("SCREENSHOTS", "")


def hosts(asked: list[Request], site: Furnished) -> set[str]:
    """The addresses asked for that are not the site's own."""
    return {one.url for one in asked if not one.url.startswith((f"{site.url}/", "data:"))}


Window = Callable[[str, str], AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def window(chromium: Browser, furnished: Furnished) -> Iterator[Window]:
    """Open a window of one of them, of a size; each has one browser for the whole walk."""
    browsers: dict[tuple[str, str], BrowserContext] = {}

    def open_window(who: str, size: str) -> AbstractContextManager[Page]:
        if (who, size) not in browsers:
            browsers[who, size] = chromium.new_context(
                viewport=SIZES[size], storage_state=furnished.states[who]
            )
        return watched(browsers[who, size])

    yield open_window
    for browser in browsers.values():
        browser.close()


@pytest.fixture(scope="module")
def keys(window: Window, furnished: Furnished) -> dict[str, str]:
    """What the addresses of the pages name that nobody knows beforehand: the user's own key."""
    with window("admin", "desk") as page:
        page.goto(f"{furnished.url}/admin/accounts/user/?role__exact=user&q=demo")
        link = page.locator("#result_list tbody a").get_attribute("href") or ""
    return {"user": link.split("/")[4]}


@pytest.mark.parametrize(
    ("walked", "size"),
    [
        pytest.param(walked, size, id=f"{walked.name}-{size}")
        for walked in PAGES
        for size in walked.sizes
    ],
)
def test_it_is_open_to_everybody(
    walked: WalkedPage, size: str, window: Window, furnished, keys, request
):
    if walked.fault:
        request.applymarker(pytest.mark.xfail(reason=walked.fault, strict=True))
    asked: list[Request] = []
    with window(walked.who, size) as page:
        page.on("request", lambda request: asked.append(request))
        address = furnished.url + walked.path.format(**keys)
        answer = page.goto(address)

        assert answer is not None
        assert (answer.status, page.url) == (walked.status, address)
        assert page.evaluate(BEYOND_THE_EDGE) == []
        if walked.first_row:
            assert bottom_of(page, walked.first_row) < SIZES[size]["height"]
        found = axe.violations(page)
        assert not found, axe.report(found)

        page.emulate_media(color_scheme="dark")  # the colours alone differ
        found = axe.violations(page, *COLOUR_RULES)
        assert not found, axe.report(found)
        assert hosts(asked, furnished) == set()


def test_the_page_that_asks_before_erasing_is_open_to_everybody(window: Window, furnished):
    with window("admin", "desk") as page:
        page.goto(f"{furnished.url}/admin/accounts/user/?q=dora")
        page.locator("#result_list [name=_selected_action]").check()
        page.locator("[name=action]").select_option("erase_people")
        page.locator(".actions [type=submit]").click()

        expect(page.locator("#content")).to_contain_text("This cannot be undone.")
        found = axe.violations(page)
        assert not found, axe.report(found)


# What makes the page wider than the window; nothing, where it fits.
BEYOND_THE_EDGE = """() => {
  const {scrollWidth} = document.scrollingElement;
  if (scrollWidth <= innerWidth) return [];
  return [`${scrollWidth} > ${innerWidth}`, ...[...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
    .map(one => one.outerHTML.slice(0, 120))];
}"""


def bottom_of(page: Page, selector: str) -> float:
    """Where an element ends, in pixels from the top of the page."""
    row = page.locator(selector).first
    expect(row).to_be_visible()
    box = row.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def test_it_finds_what_shuts_people_out(chromium, furnished):
    """The net holds: what would be let through is caught."""
    state = furnished.states["user"]
    with opened(chromium, viewport=PHONE, storage_state=state) as page:
        page.goto(furnished.url)
        page.evaluate(
            """() => document.getElementById("content").insertAdjacentHTML("beforeend",
            '<img src="data:," id="blind"><input id="nameless"><p id="grey">Read me</p>')"""
        )
        page.evaluate("() => Object.assign(grey.style, {width: '500px', color: '#444'})")

        assert {("image-alt", "#blind"), ("label", "#nameless")} <= {
            (one.rule, one.target) for one in axe.violations(page)
        }
        assert "#grey" not in [one.target for one in axe.violations(page, *COLOUR_RULES)]
        assert page.evaluate(BEYOND_THE_EDGE) != []
        page.emulate_media(color_scheme="dark")
        assert "#grey" in [one.target for one in axe.violations(page, *COLOUR_RULES)]


# --- the first load of the dashboard ---

SHIFTS = """() => new Promise(resolve => {
  let sum = 0;
  const observer = new PerformanceObserver(
    list => { for (const shift of list.getEntries()) sum += shift.value });
  observer.observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(sum), 300);
})"""


@pytest.mark.parametrize("size", SIZES)
def test_the_dashboards_first_load_is_light(size, chromium, furnished):
    finished: list[Request] = []
    state = furnished.states["user"]
    with opened(chromium, viewport=SIZES[size], storage_state=state) as page:
        page.on("requestfinished", lambda request: finished.append(request))
        answer = page.goto(furnished.url, wait_until="networkidle")
        shifted = page.evaluate(SHIFTS)
        sizes = [one.sizes() for one in finished]
        assert answer is not None
        html = len(answer.body())

    transferred = sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)
    assert 1 < len(sizes) < 15
    assert 10_000 < transferred < 150_000
    assert html < 40_000
    assert shifted < 0.01


def test_a_shift_would_be_seen(chromium, furnished):
    state = furnished.states["user"]
    with opened(chromium, viewport=DESK, storage_state=state) as page:
        page.goto(furnished.url, wait_until="networkidle")
        page.evaluate(
            """() => document.querySelector("header").insertAdjacentHTML(
                "beforebegin", "<h1>x</h1><h1>x</h1><h1>x</h1>")"""
        )

        assert page.evaluate(SHIFTS) > 0.01


# --- by keyboard alone ---

STOPS = """() => [...document.querySelectorAll(
    "a[href], button, input, select, textarea, summary, [tabindex]")]
  .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled
    && one.type !== "hidden" && one.tabIndex >= 0 && (one.type !== "radio" || one.checked))
  .map((one, number) => { one.dataset.stop = number; return one.outerHTML.slice(0, 100) })"""
LOOK = """one => { const style = getComputedStyle(one);
  return [style.outlineStyle === "none" ? "none" : style.outline, style.boxShadow] }"""
FOCUSED = f"""() => {{ const one = document.activeElement;
  return one === document.body ? null : {{stop: one.dataset.stop, look: ({LOOK})(one)}} }}"""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _step in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}.")


def test_every_part_of_the_dashboard_is_reached_by_tab_and_shows_it(chromium, furnished):
    state = furnished.states["user"]
    with opened(chromium, viewport=DESK, storage_state=state, reduced_motion="reduce") as page:
        page.goto(furnished.url, wait_until="networkidle")
        page.evaluate("() => document.activeElement.blur()")
        stops = page.evaluate(STOPS)
        plain = {
            str(number): page.locator(f"[data-stop='{number}']").evaluate(LOOK)
            for number in range(len(stops))
        }
        reached: dict[str, Any] = {}
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.getAttribute('href')") == "#content"
        for _step in range(3 * len(stops)):  # a date's parts are reached one by one
            page.evaluate(axe.SETTLED)
            focused = page.evaluate(FOCUSED)
            if focused is None:
                break
            if focused["stop"] is not None:  # else nothing to use, such as a part that scrolls
                reached.setdefault(focused["stop"], focused["look"])
            page.keyboard.press("Tab")

    missed = [html for number, html in enumerate(stops) if str(number) not in reached]
    assert missed == []
    unseen = [stops[int(stop)] for stop, look in reached.items() if look == plain[stop]]
    assert unseen == []


@pytest.mark.parametrize("size", SIZES)
def test_the_timer_is_started_and_stopped_by_keyboard(size, chromium, furnished):
    state = furnished.states["user"]
    with opened(chromium, viewport=SIZES[size], storage_state=state) as page:
        page.goto(furnished.url, wait_until="networkidle")
        tab_to(page, "[name=description]")
        page.keyboard.type("By keyboard alone")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        assert page.evaluate(BEYOND_THE_EDGE) == []
        found = axe.violations(page)
        assert not found, axe.report(found)

        tab_to(page, ".btn-stop")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        expect(page.locator("#content")).to_contain_text("By keyboard alone")


# --- a double click ---


@pytest.mark.parametrize("path", ["/projects/new/", "/clients/new/", "/tags/"])
def test_a_double_click_makes_one_and_says_so(path, chromium, furnished):
    """The second form would be told that the name is taken, by the first one."""
    sent: list[str] = []
    state = furnished.states["manager"]
    with opened(chromium, viewport=DESK, storage_state=state) as page:
        page.on("request", lambda request: sent.append(request.method))
        page.goto(furnished.url + path, wait_until="networkidle")
        form = page.locator("main form[method=post]").first
        form.locator("[name=name]").fill("Twice")
        form.evaluate("form => { form.requestSubmit(); setTimeout(() => form.requestSubmit(), 1) }")

        expect(page.locator(".toast-words")).to_contain_text("“Twice” is there.")
        expect(page.locator("main [aria-invalid=true]")).to_have_count(0)
        assert sent.count("POST") == 1


# --- pictures ---


def screenshot(page: Page, name: str) -> None:
    """Keep what the window shows as `<name>.png` in the folder that SCREENSHOTS names."""
    page.screenshot(path=Path(FOLDER) / f"{name}.png", animations="disabled")


@pytest.mark.skipif(not FOLDER, reason="SCREENSHOTS names the folder (make screenshots).")
@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_it_is_pictured(picture: Picture, chromium, furnished):
    options: Any = {"viewport": picture.size, "color_scheme": picture.scheme}
    with opened(chromium, storage_state=furnished.states[picture.who], **options) as page:
        answer = page.goto(furnished.url + picture.path, wait_until="networkidle")
        assert answer is not None
        assert answer.ok
        screenshot(page, picture.name)
