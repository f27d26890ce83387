"""Print pip constraints that hold every direct dependency at its lower bound.

    python tools/bounds.py EXTRA ... > oldest.txt

The bounds are those of pyproject.toml: "jax>=0.7" becomes "jax==0.7". Where an extra
asks for a newer one than the course does, that one counts. What these packages need in
turn is left to pip.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

__all__ = ["lowest"]

COURSE = Path(__file__).resolve().parent.parent
NEED = re.compile(
    r"(?P<name>[\w.-]+)(?:\[[^]]*\])?\s*>=\s*(?P<bound>[\d.]+)(?:,[^;]*)?"
    r"(?P<marker>\s*;.*)?"
)


def lowest(project: dict, extras: Sequence[str]) -> list[str]:
    """One line for each direct dependency of `project` with `extras`.

    Args:
        project: the table `project` of pyproject.toml.

    Raises:
        ValueError: there is no such extra, or a dependency has no lower bound.
    """
    optional = project.get("optional-dependencies", {})
    needs = list(project["dependencies"])
    for extra in extras:
        if extra not in optional:
            raise ValueError(f"no extra {extra!r} in pyproject.toml: {list(optional)}")
        needs += optional[extra]
    bounds = {}
    for need in needs:
        match = NEED.fullmatch(need.strip())
        if not match:
            raise ValueError(f"{need!r} has no lower bound")
        package = (match["name"], match["marker"] or "")
        bounds.setdefault(package, []).append(match["bound"])
    return [
        f"{name}=={max(found, key=numbers)}{marker}"
        for (name, marker), found in bounds.items()
    ]


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def main(extras: list[str]) -> None:
    text = (COURSE / "pyproject.toml").read_text(encoding="utf-8")
    print(*lowest(tomllib.loads(text)["project"], extras), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
