"""An explorer as a reader meets it: JupyterLab, a slider, the picture, the caption."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

START_PAGE = Path(__file__).parents[2] / "notebooks" / "00_start_here.ipynb"
WAIT = 60_000  # milliseconds for a kernel to start, import and draw
MOVE = 10_000  # milliseconds for a picture to follow a slider

SOURCE = """\
from companion.explorer import Explorer, Slider

def setup(fig, height):
    ax = fig.subplots()
    ax.set(xlim=(0, 1), ylim=(0, 10))
    return ax.plot([0, 1], [0, 0], "k")

def update(lines, height):
    if height == 10:
        raise ValueError("the line left the <picture>")
    lines[0].set_ydata([height, height])

def describe(result, height):
    return "A line."

Explorer(setup, update, describe, controls={"height": Slider("height", 0, 2, 10, 1)})
"""

PICTURE_BYTES = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer())
    return bytes.reduce((hash, byte) => (hash * 31 + byte) % 4294967291, 7)
}"""


class Reader:
    """A page with one notebook, and what its console complains about."""

    def __init__(self, browser, address, name):
        self.address, self.name = address, name
        self.complaints = []
        self.page = browser.new_page(viewport={"width": 1200, "height": 1000})
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)
        self.page.goto(f"{address}/lab/tree/{name}?reset")
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=WAIT)

    def _listen(self, message):
        # a missing favicon or setting is no business of the explorer
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def run_all(self):
        # Run All before the kernel is there would ask which kernel to take
        for _ in range(WAIT // 200):
            sessions = self.page.request.get(f"{self.address}/api/sessions").json()
            states = {s["path"]: s["kernel"]["execution_state"] for s in sessions}
            if states.get(self.name) == "idle":
                break
            self.page.wait_for_timeout(200)
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=WAIT)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        self.box = self.page.locator(".jupyter-widgets.widget-vbox").first
        self.image = self.box.locator("img")
        self.caption = self.box.locator("[role=status], [role=alert]")
        self.handle = self.box.locator(".noUi-handle").first
        self.image.wait_for(timeout=WAIT, state="attached")
        self.look_for(self.image)
        self.image.wait_for(timeout=WAIT)
        self.image.scroll_into_view_if_needed()

    def look_for(self, output):
        """Scroll down in half screens until it shows: cells far away are hidden."""
        page = self.page.locator(".jp-Notebook .jp-WindowedPanel-outer")
        height = page.evaluate("page => page.scrollHeight")
        for y in range(0, height, 400):
            if output.is_visible():
                return
            page.evaluate("(page, y) => { page.scrollTop = y }", y)
            self.page.wait_for_timeout(200)

    def state(self):
        """A number for the picture's bytes, and the caption."""
        return self.image.evaluate(PICTURE_BYTES), self.caption.inner_text()

    def wait_for_change(self, before):
        """The state once picture and caption have left `before` and stand still."""
        last = None
        for _ in range(MOVE // 250):
            now = self.state()
            changed = [new != old for new, old in zip(now, before, strict=True)]
            if all(changed) and now == last:
                return now
            last = now
            self.page.wait_for_timeout(250)
        pytest.fail(f"[picture, caption] changed: {changed}; it says {now[1]!r}")

    def drag(self, pixels):
        area = self.handle.bounding_box()
        x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + pixels, y, steps=8)
        self.page.mouse.up()


@pytest.fixture
def open_notebook(browser, lab):
    address, folder = lab
    readers = []

    def open_one(path):
        shutil.copy(path, folder / path.name)  # autosave must not touch the original
        readers.append(Reader(browser, address, path.name))
        return readers[-1]

    yield open_one
    for reader in readers:
        reader.page.close()


@pytest.fixture
def small(open_notebook, tmp_path):
    """A notebook with one explorer, run."""
    path = tmp_path / "small.ipynb"
    notebook = new_notebook(
        cells=[new_code_cell(SOURCE)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, path)
    reader = open_notebook(path)
    reader.run_all()
    return reader


def test_the_picture_and_the_caption_follow_mouse_and_keyboard(small):
    start = small.state()
    assert start[1] == "height = 2: A line."

    small.drag(80)
    dragged = small.wait_for_change(start)

    small.handle.focus()
    small.page.keyboard.press("ArrowLeft")
    pressed = small.wait_for_change(dragged)
    height = int(dragged[1].split(" = ")[1].split(":")[0])
    assert pressed[1] == f"height = {height - 1}: A line."

    small.page.keyboard.press("Home")
    lowest = small.wait_for_change(pressed)
    assert lowest[1] == "height = 0: A line."
    for _ in range(2):
        small.page.keyboard.press("ArrowRight")
    back = small.wait_for_change(lowest)
    assert back == start, "the same value shows another picture"
    assert not small.complaints


def test_an_exception_is_shown_in_the_caption(small):
    small.handle.focus()
    small.page.keyboard.press("End")
    alert = small.box.locator("[role=alert]")
    alert.wait_for(timeout=MOVE)
    assert "ValueError: the line left the <picture>" in alert.inner_text()
    small.page.keyboard.press("ArrowLeft")
    small.box.get_by_text("height = 9: A line.").wait_for(timeout=MOVE)


@pytest.mark.skipif(not START_PAGE.exists(), reason="the start page is not written")
def test_the_explorer_of_the_start_page(open_notebook):
    reader = open_notebook(START_PAGE)
    reader.run_all()
    before = reader.state()
    reader.handle.focus()
    reader.page.keyboard.press("ArrowLeft")
    after = reader.wait_for_change(before)
    reader.drag(60)
    reader.wait_for_change(after)
    assert not reader.complaints
