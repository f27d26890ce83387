"""Links between the pages lead somewhere: files, headings, the next notebook."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [*NOTEBOOKS, ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES += sorted((ROOT / "benchmarks").glob("*.md"))

# no links: code, and formulas such as W[a](x)
NOT_TEXT = re.compile(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:")  # https:, mailto:
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
FENCED = re.compile(r"```.*?```", re.DOTALL)
TERM = re.compile(r"^- \*\*(.+?)\*\*: .+\. \[\d\d\]\([^)]+\)$")


def texts(page: Path) -> list[str]:
    """The Markdown of a page."""
    if page.suffix != ".ipynb":
        return [page.read_text(encoding="utf-8")]
    cells = nbformat.read(page, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def anchors(page: Path) -> set[str]:
    """What may stand after `#`: as JupyterLab names headings, or as a code host."""
    text = FENCED.sub("", "\n\n".join(texts(page)))
    headings = [re.sub(r"[*`]", "", heading) for heading in HEADING.findall(text)]
    if page.suffix == ".ipynb":
        return {heading.replace(" ", "-") for heading in headings}
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def broken(page: Path) -> list[str]:
    """The links of a page, to a place in the course, that lead nowhere."""
    found = []
    for target in LINK.findall(NOT_TEXT.sub("$", "\n\n".join(texts(page)))):
        if ELSEWHERE.match(target):
            continue
        name, _, place = unquote(target).partition("#")
        other = (page.parent / name).resolve() if name else page
        if not other.exists() or (place and place not in anchors(other)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_every_link_leads_somewhere(page):
    assert not broken(page)


def test_a_broken_link_is_seen(tmp_path):
    page, other = tmp_path / "page.md", tmp_path / "other.ipynb"
    there = nbformat.v4.new_markdown_cell("## Why, and *when*?\n\n`[a](b)`, $W[a](b)$")
    nbformat.write(nbformat.v4.new_notebook(cells=[there]), other)
    good = "[1](other.ipynb#Why,-and-when?) [2](#a-b) [3](https://x.org) ![4](page.md)"
    page.write_text(f"# A *b*\n\n{good} [5](none.md) [6](other.ipynb#why) [7](#c)\n")
    assert broken(page) == ["none.md", "other.ipynb#why", "#c"]
    assert broken(other) == []


@pytest.mark.parametrize("at", range(len(NOTEBOOKS)), ids=[p.stem for p in NOTEBOOKS])
def test_a_notebook_ends_with_links_to_its_neighbours(at):
    *_, ending = texts(NOTEBOOKS[at])[-1].rstrip().splitlines()
    linked = set(LINK.findall(ending))
    around = NOTEBOOKS[max(at - 1, 0) : at + 2]
    assert {path.name for path in around} - {NOTEBOOKS[at].name} <= linked, ending


def test_the_start_page_links_every_other_notebook():
    first, *others = NOTEBOOKS
    (page_map,) = [text for text in texts(first) if "| minutes |" in text]
    assert {path.name for path in others} <= set(LINK.findall(page_map))


def test_the_glossary_is_in_order_and_each_term_is_taught_somewhere():
    (page,) = [p for p in NOTEBOOKS if p.stem == "01_notation"]
    text = "\n\n".join(texts(page))
    lines = text.partition("## Glossary\n")[2].splitlines()
    entries = [line for line in lines if line.startswith("- ")]
    terms = [TERM.match(entry) for entry in entries]
    assert None not in terms, entries[terms.index(None)]
    names = [term[1].lower() for term in terms]
    assert names == sorted(set(names)), "alphabetical, and each of them once"
    assert 40 <= len(names) <= 70
