"""Build the whole course as a static site, from the committed outputs.

    python tools/build_site.py [--still]

The pages land in build/site and need neither a kernel nor a network: mathematics is
set by a copy of MathJax beside them, and an explorer shows a few positions of one of
its controls, drawn now. A second run draws again only what changed. At the end every
link is followed and every picture asked for its alt text; a fault is an error.
--still leaves the explorers at the position they were saved in.
"""

import argparse
import base64
import hashlib
import html
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import files, version
from pathlib import Path

import compiled
import nbformat
import site_audit
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_output
from needed import needed_for
from site_frames import explorer_cells, sources
from stamp_address import address

__all__ = ["contents", "home", "prepare", "slug"]

COURSE = Path(__file__).resolve().parent.parent
NOTEBOOKS = COURSE / "notebooks"
OUTPUT = COURSE / "build/site"
WORK = COURSE / "build/.site"
BADGE = re.compile(r"\[!\[(Open in Colab)\]\([^)]*\)\]\(([^)]*)\)")
SHOWN = ' data-shown="yes"'
OUTSIDE = re.compile(r"(?<=\]\()\.\./(?=[^)\s]+\))")
TO_A_PLACE = re.compile(r"(\]\((?:[\w-]+\.ipynb)?#)([^)]+)\)")
# what a page needs of MathJax: one file, its fonts, and rarer commands on demand
MATHJAX = re.compile(
    r"static/mathjax/((?:tex-chtml\.js|output/chtml/fonts/woff-v2|"
    r"input/tex/extensions)\b.*)"
)


def slug(fragment: str) -> str:
    """The name of a heading's place on the site, from that in JupyterLab."""
    return re.sub(r"[^\w-]", "", fragment.lower())


def plain(source: str) -> str:
    """A Markdown cell for the site.

    The badge, a picture from elsewhere, is put in words; a link to a file beside the
    notebooks' folder, which is no page here, goes to the repository.
    """
    source = BADGE.sub(r"[\1](\2)", source)
    source = OUTSIDE.sub(f"{address()}/blob/main/", source)
    return TO_A_PLACE.sub(lambda m: f"{m[1]}{slug(m[2])})", source)


def home(readme: str, reading: str, *, titles: Sequence[str]) -> str:
    """The first page: what README says about the course, its table and the way in.

    Args:
        readme: the text of README.md.
        reading: the section put between the introduction and the table.
        titles: file names of the notebooks, to link to.

    Raises:
        ValueError: README lacks a section this page is made of, or its table does not
            link to a notebook.
    """
    start = re.search(r"^## Start\n.*?^```sh\n(.*?)^```", readme, re.M | re.S)
    table = re.search(r"^## The notebooks\n.*?(?=^## )", readme, re.M | re.S)
    if not (start and table):
        raise ValueError("README.md needs the sections Start, with commands, and table")
    for title in titles:
        if f"(notebooks/{title})" not in table[0]:
            raise ValueError(f"README.md has no link to notebooks/{title}")
    opening = readme[: start.start()]
    commands = f"```sh\n{start[1]}```\n"
    parts = (plain(opening), reading, commands, table[0].replace("](notebooks/", "]("))
    return "\n".join(part.strip() + "\n" for part in parts)


def contents(stems: Sequence[str]) -> str:
    """The table of contents, as Jupyter Book reads it."""
    return yaml.safe_dump(
        {
            "format": "jb-book",
            "root": "index",
            "chapters": [{"file": stem} for stem in stems],
        },
        sort_keys=False,
    )


def prepare(
    notebook: NotebookNode, stem: str, static: Path, frames: Sequence[dict] = ()
) -> NotebookNode:
    """A notebook whose pictures are files with alt text, its explorers with positions.

    Args:
        notebook: as committed; it is left as it is.
        stem: the first part of the pictures' file names.
        static: the folder the pictures are written to.
        frames: what frames.json holds for this notebook.

    Raises:
        ValueError: a picture has no alt text.
    """
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    moving = {entry["cell"]: entry for entry in frames}
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = plain(cell.source)
        for number, output in enumerate(cell.get("outputs", ())):
            encoded = output.get("data", {}).get("image/png")
            if encoded is None:
                continue
            alt = output.metadata.get("image/png", {}).get("alt", "").strip()
            if not alt:
                raise ValueError(f"{stem}, cell {index}: a picture without alt text")
            if index in moving:
                shown = positions(moving[index])
            else:
                png = base64.b64decode(encoded)
                file = f"{stem}-{index}-{number}.png"
                (static / file).write_bytes(png)
                width, height = struct.unpack(">II", png[16:24])
                shown = f'<figure class="picture">{img(file, alt, width, height)}'
                shown += "</figure>"
            cell.outputs[number] = new_output("display_data", {"text/html": shown})
    return notebook


def img(file: str, alt: str, width: int, height: int) -> str:
    """A picture of the site; its size is stated, so that the page does not jump."""
    return (
        f'<img src="_static/{file}" alt="{html.escape(alt)}" width="{width}" '
        f'height="{height}" loading="lazy">'
    )


def positions(entry: dict) -> str:
    """The pictures of one explorer; explorers.js makes a slider of them."""
    figures = "".join(
        f'<figure data-value="{html.escape(frame["value"])}"'
        f"{SHOWN if frame['shown'] else ''}>"
        f"{img(frame['file'], frame['caption'], frame['width'], frame['height'])}"
        f"<figcaption>{html.escape(frame['caption'])}</figcaption></figure>"
        for frame in entry["frames"]
    )
    return (
        f'<div class="positions" data-label="{html.escape(entry["label"])}">'
        f"{figures}</div>"
    )


def draw(path: Path) -> Path:
    """The folder with the explorers' positions of a notebook, drawn unless it is there.

    Raises:
        RuntimeError: they could not be drawn; the message says why.
    """
    notebook = nbformat.read(path, as_version=4)
    state = hashlib.sha256()
    for name in ("jax", "matplotlib"):
        state.update(version(name).encode())
    for source in sorted((COURSE / "companion").rglob("*.py")):
        state.update(source.read_bytes())
    state.update((COURSE / "tools/site_frames.py").read_bytes())
    for index in explorer_cells(notebook):
        state.update(needed_for(sources(notebook, index)).encode())
    folder = WORK / "frames" / f"{path.stem}-{state.hexdigest()[:16]}"
    if (folder / "frames.json").exists():
        return folder
    for old in folder.parent.glob(f"{path.stem}-*"):
        shutil.rmtree(old)
    print(f"{path.name}: drawing its explorers", flush=True)
    environ = {**os.environ, "JAX_PLATFORMS": "cpu", "TQDM_DISABLE": "1"}
    compiled.keep(environ, Path(sys.prefix))
    done = subprocess.run(
        [sys.executable, COURSE / "tools/site_frames.py", path, folder],
        cwd=path.parent,
        env=environ,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"{path.name}: drawing failed")
    return folder


def stage(source: Path, still: bool) -> None:
    """Write everything Jupyter Book reads into `source`."""
    shutil.rmtree(source, ignore_errors=True)
    static = source / "_static"
    static.mkdir(parents=True)
    shutil.copy(COURSE / "site/_config.yml", source)
    for name in ("explorers.css", "explorers.js"):
        shutil.copy(COURSE / "site" / name, static)
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        frames = []
        if not still:
            folder = draw(path)
            frames = json.loads((folder / "frames.json").read_text(encoding="utf-8"))
            for picture in folder.glob("*.webp"):
                shutil.copy(picture, static)
        notebook = nbformat.read(path, as_version=4)
        page = prepare(notebook, path.stem, static, frames)
        nbformat.write(page, source / path.name)
    readme = (COURSE / "README.md").read_text(encoding="utf-8")
    reading = (COURSE / "site/reading.md").read_text(encoding="utf-8")
    text = home(readme, reading, titles=[path.name for path in paths])
    (source / "index.md").write_text(text, encoding="utf-8")
    shutil.copytree(COURSE / "docs", source / "docs")
    toc = contents([path.stem for path in paths])
    (source / "_toc.yml").write_text(toc, encoding="utf-8")


def copy_mathjax(static: Path) -> None:
    """Put MathJax beside the finished pages.

    Jupyter Book would make every page load every script it finds among its sources.
    """
    for file in files("sphinx-mathjax-offline") or ():
        if match := MATHJAX.search(file.as_posix()):
            target = static / "mathjax" / match[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--still", action="store_true", help="no further positions")
    options = parser.parse_args(arguments)
    source = WORK / "source"
    try:
        stage(source, options.still)
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    # its words go to a log; -W makes its warnings, such as a dead link, errors
    shutil.rmtree(WORK / "_build", ignore_errors=True)
    book = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", book, "build", "-W", "--keep-going"]
    command += ["--path-output", str(WORK), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    log = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    (WORK / "book.log").write_text(log, encoding="utf-8")
    if done.returncode:
        said = [line for line in log.splitlines() if re.search("WARNING|ERROR", line)]
        print("\n".join(said[:10] or log.splitlines()[-10:]), file=sys.stderr)
        print("Jupyter Book failed (its log: build/.site/book.log)", file=sys.stderr)
        return 1
    shutil.rmtree(OUTPUT, ignore_errors=True)
    shutil.move(WORK / "_build/html", OUTPUT)
    copy_mathjax(OUTPUT / "_static")
    for file in OUTPUT.rglob("*.map"):  # for whoever develops the theme
        file.unlink()
    found = site_audit.problems(OUTPUT)
    for problem in found:
        print(problem, file=sys.stderr)
    size = sum(file.stat().st_size for file in OUTPUT.rglob("*") if file.is_file())
    print(f"build/site/index.html: {size / 1e6:.1f} MB, to open or to copy anywhere")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
