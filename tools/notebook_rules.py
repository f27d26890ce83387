"""The rules a committed notebook obeys, each as a check that says what is wrong."""

import ast
import json
import re
import statistics
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
from nbformat import NotebookNode

__all__ = ["WIDGET_VIEW", "problems"]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

MOST_BYTES = 800_000
CELLS = (25, 50)
CELLS_OF_THE_START_PAGE = (8, 30)
MOST_CODE_LINES = 25
MOST_MEDIAN_LINES = 6
WORDS_PER_CODE_LINE = (8, 25)
WORDS_OF_THE_START_PAGE = (8, 60)
MOST_CODE_CELLS_IN_A_ROW = 2
MOST_CELLS_BETWEEN_PICTURES = 8
MOST_IMPORT_LINES = 8
TAGS = re.compile(r"setup|nbval-ignore-output|claim-\d+")
BADGE = "[![Open in Colab]("
CLOSING = ("What you can now say", "Exercises", "Further reading")
CHECK_CELL = re.compile(r"^exercises\.\w+\.\w+\(\w+\)\s*$")
# what a person sees as prose: no code, no formulas, no tags, no link targets
NOT_PROSE = re.compile(
    r"```.*?```|\$\$.*?\$\$|\$[^$\n]*\$|`[^`\n]*`|<[^>\n]+>|\]\([^)\n]*\)", re.DOTALL
)
# differs from run to run or from machine to machine
UNSTABLE = re.compile(r"\bat 0x[0-9a-f]{6,}|/(?:tmp|home|root|Users)/\S+")


def problems(path: Path) -> list[str]:
    """What is wrong with a notebook file; empty if it may be committed."""
    raw = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbformat mends cell ids; _file reports them
        notebook = nbformat.reads(raw.decode("utf-8"), as_version=4)
    found = list(_file(raw))
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        return [*found, "it has no code cell"]
    for rule in (_opening, _setup, _outputs, _alt, _code, _markdown):
        found.extend(rule(notebook))
    start_page = path.name.startswith("00_")
    if start_page:  # a welcome: short, more words than code, no closing sections
        rules = _size(notebook, CELLS_OF_THE_START_PAGE, WORDS_OF_THE_START_PAGE)
    else:
        rules = [*_size(notebook, CELLS, WORDS_PER_CODE_LINE), *_closing(notebook)]
    return [*found, *rules, *_rhythm(notebook)]


def _file(raw: bytes) -> Iterator[str]:
    if len(raw) > MOST_BYTES:
        yield f"{len(raw) // 1000} kB are too many: at most {MOST_BYTES // 1000}"
    plain = json.loads(raw)
    if "widgets" in plain["metadata"]:
        yield "it holds saved widget state"
    if plain["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "its kernel must be python3"
    ids = [cell.get("id") for cell in plain["cells"]]
    if None in ids or len(set(ids)) != len(ids):
        yield "every cell needs an id of its own"


def _opening(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "it must begin with a markdown cell and its title"
    elif BADGE not in first.source:
        yield "the first cell has no Colab badge"


def _setup(notebook: NotebookNode) -> Iterator[str]:
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    if "setup" not in first.metadata.get("tags", []):
        yield "the first code cell must have the tag setup"
    lines = [line for line in first.source.splitlines() if line.strip()]
    plain = [re.sub(r"%pip .*", "pass", line) for line in lines]
    try:
        statements = ast.parse("\n".join(plain)).body
    except SyntaxError:
        yield "the set-up cell is not Python with a %pip line"
        return
    imports = [s for s in statements if isinstance(s, ast.Import | ast.ImportFrom)]
    others = [s for s in statements if s not in imports]
    if len(others) > 1 or any("find_spec" not in ast.unparse(s) for s in others):
        yield "the set-up cell may hold imports and the Colab line only"
    height = sum(s.end_lineno - s.lineno + 1 for s in imports)
    if height > MOST_IMPORT_LINES:
        yield f"the set-up cell has {height} import lines, over {MOST_IMPORT_LINES}"


def _outputs(notebook: NotebookNode) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "it was not executed from top to bottom in a fresh kernel"
    if not any(cell.outputs for cell in code):
        yield "its outputs are not committed"
    for number, cell in enumerate(code, 1):
        where = f"code cell {number}"
        if "execution" in cell.metadata:
            yield f"{where} holds execution times"
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{where} ends in an error: {output.ename}: {output.evalue}"
            if output.get("name") == "stderr":
                yield f"{where} writes to stderr: {output.text.strip()[:200]}"
            if WIDGET_VIEW in output.get("data", {}):
                yield f"{where} holds a widget, which shows nothing without a kernel"
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            if "nbval-ignore-output" not in cell.metadata.get("tags", []):
                for match in UNSTABLE.findall(text):
                    yield f"{where} prints what changes from run to run: {match}"


def _alt(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(", cell.source):
            yield f"cell {number} has an image without alt text"
        for output in cell.get("outputs", ()):
            for kind in output.get("data", {}):
                alt = output.metadata.get(kind, {}).get("alt", "")
                if kind.startswith("image/") and len(alt.split()) < 3:
                    yield f"cell {number} has a picture without alt text"


def _code(notebook: NotebookNode) -> Iterator[str]:
    heights = []
    for number, cell in enumerate(notebook.cells, 1):
        for tag in cell.metadata.get("tags", []):
            if not TAGS.fullmatch(tag):
                yield f"cell {number} has the unknown tag {tag!r}"
        if cell.cell_type != "code":
            continue
        tags = cell.metadata.get("tags", [])
        if CHECK_CELL.match(cell.source) and "nbval-ignore-output" not in tags:
            yield f"cell {number} checks an exercise: it needs nbval-ignore-output"
        lines = [line for line in cell.source.splitlines() if line.strip()]
        heights.append(len(lines))
        if not lines:
            yield f"cell {number} is empty"
        elif lines[-1].rstrip().endswith(";"):
            yield f"cell {number} ends in ';', which nbval does not heed: assign it"
        if len(lines) > MOST_CODE_LINES:
            yield f"cell {number} has {len(lines)} lines, over {MOST_CODE_LINES}"
        if re.search(r"import \*|^\s*if False:", cell.source, re.MULTILINE):
            yield f"cell {number} has a star import or code that never runs"
    if statistics.median(heights) > MOST_MEDIAN_LINES:
        yield (
            f"code cells have {statistics.median(heights)} lines in the median, "
            f"over {MOST_MEDIAN_LINES}"
        )


def _markdown(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "markdown":
            if re.search(r"</summary>[ \t]*\n[ \t]*\S", cell.source):
                yield f"cell {number}: a blank line is missing after </summary>"
            if cell.source.count("<details>") != cell.source.count("</details>"):
                yield f"cell {number}: <details> is not closed"


def _size(
    notebook: NotebookNode, cells: tuple[int, int], words_per_line: tuple[int, int]
) -> Iterator[str]:
    fewest, most = cells
    if not fewest <= len(notebook.cells) <= most:
        yield f"{len(notebook.cells)} cells: there should be {fewest} to {most}"
    prose = " ".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    words = len(re.findall(r"[^\W\d_][\w'’-]*", NOT_PROSE.sub(" ", prose)))
    lines = sum(
        bool(line.strip())
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
    )
    fewest, most = words_per_line
    if not fewest <= words / max(lines, 1) <= most:
        yield (
            f"{words} words for {lines} lines of code are {words / max(lines, 1):.1f} "
            f"a line: there should be {fewest} to {most}"
        )


def _rhythm(notebook: NotebookNode) -> Iterator[str]:
    in_a_row = 0
    pictures, end = [], len(notebook.cells)
    for index, cell in enumerate(notebook.cells):
        in_a_row = in_a_row + 1 if cell.cell_type == "code" else 0
        if in_a_row == MOST_CODE_CELLS_IN_A_ROW + 1:
            yield f"cell {index + 1}: {in_a_row} code cells without prose between"
        if any("image/png" in o.get("data", {}) for o in cell.get("outputs", ())):
            pictures.append(index)
        if cell.cell_type == "code" and "setup" in cell.metadata.get("tags", []):
            pictures.append(index)  # counting starts here
        if re.search(r"^##\s+Exercises\s*$", cell.source, re.MULTILINE):
            end = min(end, index)
    stops = [i for i in pictures if i < end] + [end]
    for one, other in pairwise(stops):
        if other - one > MOST_CELLS_BETWEEN_PICTURES:
            yield f"no picture between cell {one + 1} and cell {other + 1}"


def _closing(notebook: NotebookNode) -> Iterator[str]:
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    headings = re.findall(r"^##\s+(.+?)\s*$", text, re.MULTILINE)
    for heading in CLOSING:
        if heading not in headings:
            yield f"the section {heading!r} is missing"
