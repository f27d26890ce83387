"""Write constraints.txt: the installed version of all that the course stands on."""

import re
from importlib.metadata import distribution, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["closure", "constraints"]

COURSE = Path(__file__).resolve().parent.parent

HEADER = """\
# The versions every test last passed with, on Linux and Python {python}.
# pyproject.toml asks for lower bounds only; to get exactly this set instead:
#     python -m pip install -e '.[lab]' -c constraints.txt
# `make constraints` writes this file from the environment of `make test`.
"""


def closure(name: str, extras: set[str]) -> set[str]:
    """Names of the installed distributions that `name` with `extras` needs."""
    seen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), extra) for extra in {"", *extras}]
    while waiting:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        parent, extra = item
        for line in distribution(parent).requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                child = canonicalize_name(need.name)
                waiting += [(child, each) for each in {"", *need.extras}]
    return {parent for parent, _ in seen} - {canonicalize_name(name)}


def constraints(python: str) -> str:
    """The whole text of constraints.txt; `python` is a version such as "3.11"."""
    names = sorted(closure("unrolled", {"lab", "test"}))
    # a build label (2.0+cpu) names one machine's wheel, not a version
    lines = [f"{name}=={re.sub(r'[+].*', '', version(name))}" for name in names]
    return HEADER.format(python=python) + "\n".join(lines) + "\n"


def main() -> None:
    import platform

    python = ".".join(platform.python_version_tuple()[:2])
    (COURSE / "constraints.txt").write_text(constraints(python), encoding="utf-8")


if __name__ == "__main__":
    main()
