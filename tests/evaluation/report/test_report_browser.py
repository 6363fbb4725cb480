"""The report in a real browser: it renders, its controls work, and it asks nothing of a network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfseg.evaluation.report.report import Report
from tfseg.metrics import Pair, evaluate_pairs

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("there is no chromium: apt-get install chromium", allow_module_level=True)
api = pytest.importorskip("playwright.sync_api", reason="there is no playwright: pip install it")

QUIET = ("gpu", "quic", "background-networking", "component-update", "sync")
FLAGS = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in QUIET)]
NAMES = ["<b>bold</b> & 'é'", "image 1", "image 2", "image 3"]
SQUARES = np.kron(np.arange(12).reshape(3, 4), np.ones((8, 8), np.int32))  # ids 1 to 11


def pairs() -> Iterator[tuple[Pair, np.ndarray]]:
    """Image k lacks k squares, and the fewer it lacks the more of the others are wrong."""
    classes = np.tile([1, 2], 6)
    for index, name in enumerate(NAMES):
        prediction = np.where(index >= SQUARES, 0, SQUARES)
        prediction[16:, :16] = 8  # 8 and 9 are merged
        prediction[11:13, 8:16], prediction[13:16, 8:16] = 0, 31  # 5 is split
        prediction[8, 0] = 30
        scores = np.linspace(0.1, 0.95, 31)
        image = np.where(SQUARES > 2, 200, 20).astype(np.uint8)[..., None]
        predicted = np.concatenate([classes, np.ones(19, int)])
        yield Pair(name, SQUARES, prediction, classes, predicted, scores), image


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every section."""
    folder, made = tmp_path_factory.mktemp("report"), Report()
    steps = np.arange(1, 9)
    history = pd.DataFrame({"step": steps, "loss": 2.0 / steps, "loss/center": 1.0 / steps})
    history.to_csv(folder / "history.csv", index=False)
    shown = list(pairs())
    for pair, image in shown:
        made.add(pair, image, seconds=0.2)
    evaluation = evaluate_pairs([pair for pair, _ in shown], class_names=("cat", "dog"))
    more = {"title": "Squares", "history": folder / "history.csv"}
    return made.write(folder / "report.html", evaluation, **more)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser, report, request):
    """The report, opened at the size and in the colours asked for; nothing may go wrong in it."""
    width, scheme = getattr(request, "param", (1280, "light"))
    tab = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    tab.set_default_timeout(10_000)
    messages, asked = [], []
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(report.as_uri())
    tab.wait_for_selector("#cards .card")
    yield tab
    tab.close()
    assert messages == []
    assert [url for url in asked if not url.startswith("data:")][1:] == []  # but the page itself


def names(page) -> list[str]:
    return page.locator("#cards .card span:nth-of-type(1)").all_inner_texts()


def test_every_section_and_every_image_is_there(page):
    assert page.locator("section").count() == 10
    assert sorted(names(page)) == sorted(NAMES)
    assert page.locator("#examples .card").count() == 4
    assert page.locator("#cards .card path").count() > 4


def test_the_images_are_decoded_pictures(page):
    source = page.locator("#cards image").first.get_attribute("href")
    script = """async (source) => {
        const image = new Image();
        image.src = source;
        await image.decode();
        return [image.width, image.height];
    }"""
    assert page.evaluate(script, source) == [32, 24]


def test_sorting_and_filtering_by_name(page):
    page.select_option("#sort", "best first")
    first = names(page)
    page.select_option("#sort", "worst first")
    assert names(page) == first[::-1]
    page.select_option("#sort", "name")
    assert names(page)[1:] == NAMES[1:]
    page.fill("#name", "IMAGE")
    assert sorted(names(page)) == NAMES[1:]
    assert page.inner_text("#count") == "3 images"
    page.fill("#name", "nothing")
    assert page.inner_text("#count") == "0 images"


def test_every_kind_of_error_has_its_own_pictures(page):
    kinds = page.locator("#kinds label").all_inner_texts()
    counts = {text.rpartition(" ")[0].strip(): int(text.rpartition("(")[2][:-1]) for text in kinds}
    assert set(counts) >= {"images", "missed", "false", "split", "merged"}
    for kind, count in counts.items():
        page.get_by_label(f"{kind} ({count})").check()
        assert page.locator("#cards .card").count() == min(count, 48)
    areas = page.locator("#cards .card").first.inner_text()
    assert "pixels, IoU" in areas


def test_the_keyboard_alone_opens_moves_through_and_closes_an_image(page):
    page.locator("#name").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    first = page.inner_text("#viewer-title")
    page.keyboard.press("n")
    page.wait_for_function(
        "(name) => document.getElementById('viewer-title').innerText !== name", arg=first
    )
    for key, layers in {"1": (11, 0), "2": (0, None), "4": (0, 0)}.items():
        page.keyboard.press(key)
        assert page.locator("#view .true").count() == layers[0]
        assert layers[1] is None or page.locator("#view .predicted").count() == layers[1]
    before = page.locator("#view svg").get_attribute("viewBox")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    left, _, width, _ = map(float, page.locator("#view svg").get_attribute("viewBox").split())
    assert width == pytest.approx(32 / 1.5)
    assert left > (32 - width) / 2
    page.keyboard.press("0")
    assert page.locator("#view svg").get_attribute("viewBox") == before
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    # The browser tells the page that it closed the dialog a moment after it did.
    page.wait_for_function("!location.hash.startsWith('#image=')")
    assert page.evaluate("location.hash") == "#closed"


def test_the_slider_has_truth_left_and_prediction_right(page):
    page.locator("#cards .card").first.click()
    page.locator("#wipe").fill("25")
    assert page.locator("#layers input").last.is_checked()
    assert page.locator("#left rect").get_attribute("width") == "8"
    right = page.locator("#right rect")
    assert (right.get_attribute("x"), right.get_attribute("width")) == ("8", "24")


def test_an_error_of_the_list_is_shown_close(page):
    page.locator("#cards .card").first.click()
    page.locator("#errors button").first.click()
    width = float(page.locator("#view svg").get_attribute("viewBox").split()[2])
    assert width == pytest.approx(8 * 1.8 + 16)
    assert page.locator("#view rect.target").count() == 1


def test_an_address_opens_its_image_and_a_name_is_text(page, report):
    page.goto(f"{report.as_uri()}#image=image%202&truth=1")
    page.wait_for_selector("dialog[open]")
    assert page.inner_text("#viewer-title") == "image 2"
    assert page.locator("#view rect.target").count() == 1
    page.keyboard.press("Escape")
    page.locator("#cards .card", has_text=NAMES[0]).click()
    assert page.inner_text("#viewer-title") == NAMES[0]
    assert page.locator("b").count() == 0


@pytest.mark.parametrize("page", [(390, "dark"), (390, "light"), (1280, "dark")], indirect=True)
def test_it_fits_a_phone_and_is_readable_in_both_colour_schemes(page):
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#cards .card").first.click()
    page.locator("dialog").wait_for()
    assert page.locator("dialog").bounding_box()["width"] <= width
    page.keyboard.press("Escape")
    colors = "(e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor])"
    for selector in ("p", "small", "a", "#cards .card span:nth-of-type(2)", ".chart text"):
        script = f"{colors}(document.querySelector({json.dumps('main ' + selector)}))"
        if selector == ".chart text":
            script = script.replace(".color", ".fill")
        assert contrast(*map(rgb, page.evaluate(script))) >= 4.5, selector


def rgb(text: str) -> list[float]:
    return [float(part) for part in text.strip("rgb()").split(",")]


def contrast(one: list[float], other: list[float]) -> float:
    """Returns the contrast of two colours, 1 to 21 (WCAG 2.2, definition "contrast ratio")."""

    def luminance(color: list[float]) -> float:
        parts = np.array(color) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
