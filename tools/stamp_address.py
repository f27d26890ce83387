"""Stamp the repository's public address into README and every notebook.

The address stands in one place, `[project.urls] Repository` of pyproject.toml. From
there it goes into the Colab badges, the set-up cells and README's `git clone`.
"""

import re
import tomllib
from pathlib import Path

__all__ = ["address", "badge", "setup_line", "stamp", "stamped_files"]

COURSE = Path(__file__).resolve().parent.parent
START = "notebooks/00_start_here.ipynb"

BADGE = re.compile(r"\[!\[Open in Colab\]\([^)\n]*\)\]\([^)\n]*\)")
SETUP = re.compile(r"%pip install -q git\+[^\s\"\\]*")
CLONE = re.compile(r"git clone [^\s\"\\]+")


def address(course: Path = COURSE) -> str:
    """The public address. Raises ValueError if Colab could not open it."""
    with open(course / "pyproject.toml", "rb") as file:
        url = tomllib.load(file)["project"]["urls"]["Repository"]
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", url):
        raise ValueError(
            "Repository in pyproject.toml: Colab opens notebooks from "
            f"https://github.com/owner/name, and got {url!r}"
        )
    return url


def badge(url: str, notebook: str) -> str:
    """Markdown that opens `notebook`, a path inside the repository, in Colab."""
    repository = url.removeprefix("https://github.com/")
    colab = "https://colab.research.google.com"
    return (
        f"[![Open in Colab]({colab}/assets/colab-badge.svg)]"
        f"({colab}/github/{repository}/blob/main/{notebook})"
    )


def setup_line(url: str) -> str:
    """The line of a set-up cell that installs the course where it is missing."""
    return f"%pip install -q git+{url}"


def stamp(text: str, url: str, notebook: str) -> str:
    """`text` with `url` in its badges, its set-up line and its `git clone`.

    Works on a notebook's raw JSON, so that nothing else in the file can change.
    """
    text = BADGE.sub(lambda _: badge(url, notebook), text)
    text = SETUP.sub(lambda _: setup_line(url), text)
    return CLONE.sub(lambda _: f"git clone {url}", text)


def stamped_files(course: Path = COURSE) -> dict[Path, str]:
    """Every file with stamps, and the notebook that its badge opens."""
    notebooks = sorted((course / "notebooks").glob("*.ipynb"))
    files = {path: f"notebooks/{path.name}" for path in notebooks}
    return {course / "README.md": START} | files


def main() -> None:
    url = address()
    for path, notebook in stamped_files().items():
        # bytes, so that line ends stay as they are
        before = path.read_bytes().decode()
        after = stamp(before, url, notebook)
        if after != before:
            path.write_bytes(after.encode())
            print(f"stamped {path.relative_to(COURSE)}")


if __name__ == "__main__":
    main()
