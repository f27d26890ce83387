"""Pictures of a notebook's explorers at several positions of one control.

    python tools/site_frames.py NOTEBOOK FOLDER

A static page has no kernel, so the site shows each explorer at positions drawn when
the site is built. Many explorers are handed something their notebook made earlier, a
trained network for instance. Of the notebook only those statements are run that the
explorer needs. That the result is the explorer of the page is checked: at the position
the page was saved with, its caption must be the committed one. What a clock said is
not measured again, because it would differ: it is read from the committed page.

FOLDER gets the pictures and frames.json: for each explorer the index of its cell, the
control that moves, and each position with its caption and its picture's file.
"""

import io
import json
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from needed import needed_for

from companion.controls import Choice, Control, Slider, Text

__all__ = [
    "MAIN",
    "explorer_cells",
    "main_control",
    "needed_for",
    "positions",
    "render",
    "sources",
    "times_on_page",
]

MOST = 7
# where the first slider is not the one that tells most
MAIN = {
    "agreement.practice": "distance",
    "beyond.form_of_a_gate": "sees",
    "beyond.two_roads": "lanes",
    "gru.one_unit": "gamma_u",
    "language.pear_or_pair": "weight",
    "lstm.one_unit": "gamma_f",
    "types.wiring": "kind",
}
CALL = re.compile(r"\bexplorers\.(\w+\.\w+)\(")
# a line of a printed table: T, the road, milliseconds of each kind of work
TIME = re.compile(r"^ *(\d+)  (\w+) +([\d.]+) ms +([\d.]+) ms", re.MULTILINE)


def explorer_cells(notebook: NotebookNode) -> list[int]:
    """Indices of the cells whose committed output is the picture of an explorer."""
    return [
        index
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        and CALL.search(cell.source)
        and any("image/png" in output.get("data", {}) for output in cell.outputs)
    ]


def times_on_page(notebook: NotebookNode) -> str:
    """The assignment that gives `took` the times printed on a page, in seconds.

    Raises:
        ValueError: no cell has printed such a table.
    """
    took: dict[str, dict[str, dict[int, float]]] = {"forward": {}, "gradient": {}}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            for T, road, *each in TIME.findall(output.get("text", "")):
                for name, ms in zip(took, each, strict=True):
                    took[name].setdefault(road, {})[int(T)] = float(ms) / 1000
    if not took["forward"]:
        raise ValueError("the page has no table of times: T, road, forward, gradient")
    return f"took = {took!r}"


# explorers that show measured times, and where the times of the page are
CLOCKED = {"beyond.two_roads": times_on_page}


def sources(notebook: NotebookNode, index: int) -> list[str]:
    """The code up to the explorer in cell `index`, with the times of the page."""
    code = [c.source for c in notebook.cells[: index + 1] if c.cell_type == "code"]
    name = CALL.findall(code[-1])[-1]
    if name in CLOCKED:
        code.insert(-1, CLOCKED[name](notebook))
    return code


def positions(control: Control, value: object, most: int = MOST) -> list:
    """At most `most` values over the whole range of a control, `value` among them.

    Raises:
        ValueError: `control` is a line of text, or `most` is below 3.
    """
    if isinstance(control, Text):
        raise ValueError("a line of text has no range: name another control")
    if most < 3:
        raise ValueError(f"most must be at least 3, got {most}")
    match control:
        case Slider():
            count = round((control.max - control.min) / control.step)
            grid = [
                control.check(
                    round(min(control.min + k * control.step, control.max), 9)
                )
                for k in range(count + 1)
            ]
        case _:
            grid = list(control.corners())
    if len(grid) > most:
        grid = [grid[round(k * (len(grid) - 1) / (most - 1))] for k in range(most)]
    if value not in grid:  # in place of its nearest neighbour that is no end
        inner = range(1, len(grid) - 1)
        if isinstance(control, Slider):
            near = min(inner, key=lambda k: abs(grid[k] - value))
            grid[near] = value
            grid.sort()
        else:
            order = control.options.index
            near = min(inner, key=lambda k: abs(order(grid[k]) - order(value)))
            grid[near] = value
            grid.sort(key=order)
    return grid


def main_control(name: str, controls: dict[str, Control]) -> str:
    """Which control of explorer `name` moves on the site.

    The one in `MAIN`, or else the first slider, or else the first list of options.

    Raises:
        ValueError: there is none but lines of text, or `MAIN` names one not there.
    """
    if name in MAIN:
        if MAIN[name] not in controls:
            raise ValueError(f"{name} has no control {MAIN[name]!r}: {list(controls)}")
        return MAIN[name]
    for key, control in controls.items():
        if isinstance(control, Slider) or getattr(control, "slider", False):
            return key
    for key, control in controls.items():
        if isinstance(control, Choice):
            return key
    raise ValueError(f"{name} has nothing to move: {list(controls)}")


def render(notebook: NotebookNode, folder: Path, stem: str) -> list[dict]:
    """Draw every explorer of a notebook into `folder`; returns what frames.json holds.

    Raises:
        ValueError: a caption is not the committed one.
    """
    from PIL import Image

    entries = []
    for index in explorer_cells(notebook):
        cell = notebook.cells[index]
        code = needed_for(sources(notebook, index))
        names: dict[str, object] = {"__name__": "__main__"}
        exec(compile(code, f"{stem}, cell {index}", "exec"), names)
        explorer = names["_shown"]
        committed = "".join(
            output.data["text/plain"]
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        )
        name = CALL.findall(cell.source)[-1]
        tagged = "nbval-ignore-output" in cell.metadata.get("tags", [])
        if (name in CLOCKED or not tagged) and explorer.describe() != committed:
            raise ValueError(
                f"cell {index}: the explorer says {explorer.describe()!r}, the page "
                f"{committed!r}: make notebooks"
            )
        key = main_control(name, explorer.controls)
        control = explorer.controls[key]
        shown = explorer.values[key]
        frames = []
        for number, value in enumerate(positions(control, shown)):
            explorer.set(**{key: value})
            picture = Image.open(io.BytesIO(explorer.png()))
            file = f"{stem}-{index}-{number}.webp"
            # lossless: letters stay sharp, and it is half the size of the PNG
            picture.save(folder / file, lossless=True, quality=80, method=4)
            frames.append(
                {
                    "value": control.read(value),
                    "caption": explorer.describe(),
                    "file": file,
                    "width": picture.width,
                    "height": picture.height,
                    "shown": value == shown,
                }
            )
        entries.append(
            {"cell": index, "explorer": name, "label": control.label, "frames": frames}
        )
    return entries


def main(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    path, folder = map(Path, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        entries = render(nbformat.read(path, as_version=4), folder, path.stem)
    except Exception as error:
        print(f"{path.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    text = json.dumps(entries, ensure_ascii=False, indent=1)
    (folder / "frames.json").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
