"""An explorer on the static site: a slider for the keyboard, and a strip without it."""

import shutil
from pathlib import Path

import build_site
import pytest
from PIL import Image

SITE = Path(__file__).parents[2] / "site"
VALUES = ["0.1", "0.5", "0.9"]


@pytest.fixture
def page_file(tmp_path):
    (tmp_path / "_static").mkdir()
    for name in ("explorers.js", "explorers.css"):
        shutil.copy(SITE / name, tmp_path / "_static")
    frames = []
    for number, value in enumerate(VALUES):
        file = f"{number}.webp"
        Image.new("RGB", (40, 30), (80 * number, 0, 0)).save(
            tmp_path / "_static" / file, lossless=True
        )
        frames.append(
            {"value": value, "caption": f"weight = {value}: it fades.", "file": file}
            | {"width": 40, "height": 30, "shown": number == 1}
        )
    strip = build_site.positions({"label": "weight", "frames": frames})
    path = tmp_path / "page.html"
    path.write_text(
        "<!doctype html><title>x</title>"
        '<link rel="stylesheet" href="_static/explorers.css">'
        f'<script src="_static/explorers.js"></script>{strip}{strip}'
    )
    return path


def test_the_slider_moves_by_keyboard_and_the_caption_follows(browser, page_file):
    page = browser.new_page()
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(page_file.as_uri())
    one, other = page.locator(".positions").all()
    slider = page.get_by_label("weight").first
    assert slider.get_attribute("type") == "range"
    caption, shown = one.get_by_role("status"), one.locator("figure:visible img")
    assert caption.inner_text() == "weight = 0.5: it fades."
    assert shown.get_attribute("alt") == "weight = 0.5: it fades."
    page.keyboard.press("Tab")
    for key, value in (
        ("ArrowRight", "0.9"),
        ("ArrowRight", "0.9"),
        ("Home", "0.1"),
        ("ArrowRight", "0.5"),
        ("End", "0.9"),
    ):
        page.keyboard.press(key)
        assert caption.inner_text() == f"weight = {value}: it fades."
        assert shown.count() == 1
        assert shown.get_attribute("alt") == caption.inner_text()
        assert slider.get_attribute("aria-valuetext") == value
        assert one.locator(".value").inner_text() == value
    # the second one has stayed where it was
    assert other.get_by_role("status").inner_text() == "weight = 0.5: it fades."
    assert failed == []
    page.close()


def test_without_a_script_the_positions_stand_side_by_side(browser, page_file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    strip = page.locator(".positions").first
    assert strip.locator("figure:visible").count() == len(VALUES)
    captions = strip.locator("figcaption:visible").all_inner_texts()
    assert captions == [f"weight = {value}: it fades." for value in VALUES]
    assert page.locator("input").count() == 0
    context.close()
