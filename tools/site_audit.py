"""What is wrong with a built site: dead links, silent pictures, the need of a network.

python tools/site_audit.py FOLDER
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["problems"]

# elements a browser fetches something for without being asked, and where it stands
FETCHES = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
# a link element with one of these only names another page
NAMES = {"author", "canonical", "index", "license", "next", "prev", "search"}


class _Page(HTMLParser):
    """What one page refers to and what can be referred to in it."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.loaded: list[str] = []
        self.silent: list[str] = []
        self._script = False
        self.scripts = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        given = {name: value or "" for name, value in attributes}
        for name in ("id", "name"):
            if given.get(name):
                self.anchors.add(given[name])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if given.get(FETCHES.get(tag, "")):
            link = given[FETCHES[tag]]
            passive = tag == "link" and given.get("rel", "") in NAMES
            (self.links if passive else self.fetched).append(link)
        if tag == "script" and given.get("src"):
            self.loaded.append(given["src"])
        if tag == "img" and not given.get("alt", "").strip():
            self.silent.append(given.get("src", ""))
        self._script = tag == "script" and "src" not in given

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts += data


def problems(folder: Path) -> list[str]:
    """Every fault of the HTML pages in `folder`, one line each; empty if none.

    Raises:
        ValueError: there are no pages.
    """
    pages = {
        path: _Page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
        if "_static" not in path.relative_to(folder).parts
    }
    if not pages:
        raise ValueError(f"{folder} holds no HTML pages")
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder)
        found += [f"{name}: {said}" for said in _faults(path, page, pages)]
    for path in sorted(folder.rglob("*.css")):
        style = path.read_text(encoding="utf-8")
        if "url(http" in style.replace('"', "").replace("'", ""):
            found.append(f"{path.relative_to(folder)}: fetches from the network")
    return found


def _faults(path: Path, page: _Page, pages: dict[Path, _Page]) -> Iterator[str]:
    for link in page.silent:
        yield f"a picture without alt text: {link[:80]}"
    for link in page.fetched:
        if urlsplit(link).netloc:
            yield f"fetches from the network: {link}"
    scripts = [urlsplit(link).path for link in page.loaded]
    for script in dict.fromkeys(scripts):
        if scripts.count(script) > 1:
            yield f"a script is loaded twice: {script}"
    if "https://" in page.scripts or "http://" in page.scripts:
        yield "a script on the page holds a web address"
    for link in page.links + page.fetched:
        target = urlsplit(link)
        if target.scheme or target.netloc or link in ("", "#"):
            continue
        there = (path.parent / unquote(target.path)).resolve() if target.path else path
        if there.is_dir():
            there = there / "index.html"
        if not there.exists():
            yield f"a dead link: {link}"
        elif target.fragment and there in pages:
            if unquote(target.fragment) not in pages[there].anchors:
                yield f"no such place on that page: {link}"


def main(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    found = problems(Path(arguments[0]).resolve())
    for problem in found:
        print(problem, file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
