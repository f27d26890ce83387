"""`python -m benchmarks.explorer`: from a key press to the new picture, in a browser.

Starts JupyterLab on a notebook that shows the gradient microscope, moves its sliders in
Chromium and prints how long each new picture took. What is timed: README.md here.
"""

import argparse
import datetime
import json
import pathlib
import shutil
import sys
import tempfile
import time

import numpy as np
from playwright.sync_api import Error, sync_playwright

from benchmarks.headline import load, machine, quiet_or_not, say
from benchmarks.lab import START, notebook_in_lab

__all__ = ["main", "table"]

GOAL = {"median": 60, "p95": 100}  # milliseconds
SOURCE = "from companion.explorers import gradients\n\ngradients.microscope()"
SLIDERS = ("rho", "input_scale", "bias", "T", "seed")  # as they stand on the page
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# --no-sandbox: containers run as root. The rest keeps the browser off the network.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
LATE = 5000  # milliseconds after which a picture counts as not coming

# The clock starts with the time stamp of the key event. It stops when a picture that
# came after it is decoded and the frame that shows it has been drawn: what is posted
# from an animation frame runs after the drawing of that frame.
ARM = """([image, late]) => {
    window.arrived = new Promise((resolve, reject) => {
        let pressed = null
        const key = event => { pressed = event.timeStamp }
        const observer = new MutationObserver(async () => {
            if (pressed === null) return
            observer.disconnect()
            await image.decode()
            requestAnimationFrame(() => {
                const channel = new MessageChannel()
                channel.port1.onmessage = () => resolve(performance.now() - pressed)
                channel.port2.postMessage(null)
            })
        })
        observer.observe(image, { attributes: true, attributeFilter: ["src"] })
        document.addEventListener("keydown", key, { capture: true, once: true })
        setTimeout(() => { observer.disconnect(); reject("no new picture") }, late)
    })
    window.arrived.catch(() => {})
}"""


def main(arguments=None) -> dict:
    """Measure, print the table (or JSON), and return the report."""
    options = parse(arguments)
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "load_before": load(),
    }
    say("measuring the update without a browser")
    report["update"] = in_process(options.moves)
    with (
        tempfile.TemporaryDirectory() as home,
        notebook_in_lab(pathlib.Path(home), SOURCE) as address,
    ):
        say("moving the sliders in JupyterLab")
        report["moves"] = in_browser(address, options)
    print(json.dumps(report, indent=1) if options.json else table(report))
    return report


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explorer",
        description="How long the gradient microscope takes to follow a slider.",
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print everything measured, as JSON")
    add(
        "--moves",
        type=int,
        default=12,
        help="per slider, cell and T: 4, 8, 12, ... (default 12)",
    )
    add("--shot", type=pathlib.Path, help="save a screenshot of the page here")
    options = parser.parse_args(arguments)
    options.moves += -options.moves % 4  # so that each slider ends where it began
    return options


def in_process(moves: int) -> list[dict]:
    """CPU milliseconds of the numbers, and of the whole update with its PNG."""
    from companion.explorers import gradients
    from companion.microscope import CELLS, look

    explorer = gradients.microscope()
    explorer.widget  # noqa: B018  (from now on each change makes a PNG, as on the page)
    found = []
    for cell in CELLS:
        for T in (100, 200):
            explorer.set(cell=cell, T=T)
            numbers, whole = [], []
            for move in range(moves):
                rho = 0.9 if move % 2 else 1.1
                start = time.process_time()
                look(cell, rho, T=T)
                numbers.append(1e3 * (time.process_time() - start))
                start = time.process_time()
                explorer.set(rho=rho)
                whole.append(1e3 * (time.process_time() - start))
            found.append(
                {
                    "cell": cell,
                    "T": T,
                    "numbers": float(np.median(numbers)),
                    "whole": float(np.median(whole)),
                }
            )
    return found


def in_browser(address: str, options) -> list[dict]:
    """Every move made: cell, T, slider, milliseconds."""
    from companion.microscope import CELLS

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1200, "height": 1000})
        box = show(page, address)
        moves = []
        for cell in CELLS:
            say(f"  {cell}")
            box.locator("select").select_option(cell)
            box.get_by_text(f"cell = {cell},").wait_for(timeout=1000 * START)
            page.wait_for_timeout(500)
            for T, key in ((100, None), (200, "End")):
                for name in SLIDERS:
                    if key and name == "T":
                        continue  # at the end of its way it can only go back
                    if (cell, name) == ("ReLU", "input_scale"):
                        continue  # the same picture at every scale
                    moves += [
                        {"cell": cell, "T": T, "slider": name, "ms": ms}
                        for ms in moved(page, box, name, options.moves)
                    ]
                if key is None:
                    set_end(page, box)
            if options.shot:
                page.screenshot(path=options.shot)
            back(page, box)
        chromium.close()
    return moves


def show(page, address: str):
    """Open the notebook, run it, and return the box of the explorer."""
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=1000 * START)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=1000 * START)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    box = page.locator(".jupyter-widgets.widget-vbox").first
    box.locator("img").wait_for(timeout=1000 * START)
    box.locator("img").scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    return box


def moved(page, box, name: str, moves: int) -> list[float]:
    """Milliseconds of so many moves, there and back around where the slider stands."""
    handle = box.locator(".noUi-handle").nth(SLIDERS.index(name))
    image = box.locator("img").element_handle()
    handle.focus()
    rng = np.random.default_rng(0)
    found = []
    there, and_back = "ArrowLeft", "ArrowRight"
    if name == "seed":  # which starts at its left end
        there, and_back = and_back, there
    for move in range(moves + 4):  # the first four warm up
        page.wait_for_timeout(float(rng.uniform(60, 120)))  # a hand, not a metronome
        page.evaluate(ARM, [image, LATE])
        page.keyboard.press(there if move % 4 < 2 else and_back)
        try:
            ms = page.evaluate("() => window.arrived")
        except Error as error:
            caption = box.locator("[role=status], [role=alert]").inner_text()
            sys.exit(f"{name}, move {move}: {error}\nThe page says: {caption}")
        if move >= 4:
            found.append(ms)
    return found


def set_end(page, box):
    box.locator(".noUi-handle").nth(SLIDERS.index("T")).focus()
    page.keyboard.press("End")
    box.get_by_text("steps T = 200,").wait_for(timeout=LATE)


def back(page, box):
    box.locator(".noUi-handle").nth(SLIDERS.index("T")).focus()
    for T in range(190, 99, -10):
        page.keyboard.press("ArrowLeft")
        box.get_by_text(f"steps T = {T},").wait_for(timeout=LATE)


def table(report: dict) -> str:
    """The report as Markdown: median and 95th percentile, all moves and by cell."""
    moves = report["moves"]
    groups = {"every move": moves}
    for cell in dict.fromkeys(move["cell"] for move in moves):
        for T in (100, 200):
            name = f"{cell}, T {'up to ' if T == 100 else '= '}{T}"
            groups[name] = [m for m in moves if (m["cell"], m["T"]) == (cell, T)]
    cpu = {(u["cell"], u["T"]): u for u in report["update"]}
    lines = [
        "Gradient microscope: milliseconds from a key press on a slider to the new "
        f"picture on the page. Goal: median {GOAL['median']}, p95 {GOAL['p95']}.",
        "",
        f"- machine: {report['machine']}",
        f"- date: {report['date']}; {quiet_or_not(report['load_before'])}",
        "",
        "| | moves | median | p95 | numbers, CPU | update, CPU |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in groups.items():
        median, p95 = np.quantile([move["ms"] for move in group], (0.5, 0.95))
        row = [name, str(len(group)), f"{median:.0f}", f"{p95:.0f}"]
        if name == "every move":
            row += ["", ""]
        else:
            own = cpu[group[0]["cell"], group[0]["T"]]
            row += [f"{own['numbers']:.0f}", f"{own['whole']:.0f}"]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
