"""`python -m benchmarks.start`: how long a reader waits before there is a picture.

Two tables: what importing the course costs beyond the libraries it stands on, and the
first picture of every explorer after its cell has started. Each number comes from fresh
processes, so nothing is compiled and no font is looked up beforehand.
"""

import argparse
import json
import subprocess
import sys

import numpy as np

from benchmarks.machine import load, machine, quiet_or_not, say, today

__all__ = ["explorers", "main", "seconds_of", "table"]

GOALS = {"import": 0.05, "picture": 3.0}
# what the course stands on, in the way it uses it
BELOW = "import jax, jax.numpy, matplotlib.figure, matplotlib.backends.backend_agg"
# rows of the first table: name -> (imported before, imported while the clock runs)
IMPORTS = {
    "import companion": (BELOW, "import companion"),
    "the cells, and unroll": (BELOW, "from companion import cells, unroll"),
    "every module of a notebook": (
        f"{BELOW}, ipywidgets, optax, PIL.Image, jaxtyping",
        "from companion import cells, exercises, explorers, figures, gradients, tasks",
    ),
}
CLOCK = """
import json, sys, time
{before}
start = time.perf_counter()
{timed}
json.dump(time.perf_counter() - start, sys.stdout)
"""
# the set-up cell of a notebook has imported everything when the explorer's cell starts
SETUP = "from companion import cells, exercises, explorers, figures, gradients, tasks"
# what a cell does with an explorer: make it, show it with picture and widgets
SHOW = "explorers.{name}()._repr_mimebundle_()"


def main(arguments=None) -> dict:
    """Measure, print the tables (or JSON), and return the report."""
    options = parse(arguments)
    names = options.only or explorers()
    report = {
        "date": today(),
        "machine": machine(),
        "load_before": load(),
        "imports": {},
        "pictures": {},
    }
    for name, (before, timed) in IMPORTS.items():
        say(f"  {name}")
        report["imports"][name] = [
            seconds_of(before, timed) for _ in range(options.repeats)
        ]
    for name in names:
        say(f"  {name}")
        report["pictures"][name] = [
            seconds_of(SETUP, SHOW.format(name=name)) for _ in range(options.pictures)
        ]
    print(json.dumps(report, indent=1) if options.json else table(report))
    return report


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.start",
        description="Import time, and the first picture of every explorer.",
    )
    add = parser.add_argument
    add("--repeats", type=int, default=7, help="processes an import (default 7)")
    add("--pictures", type=int, default=1, help="processes an explorer (default 1)")
    add("--only", nargs="+", metavar="THEME.NAME", help="default: every explorer")
    add("--json", action="store_true", help="print everything measured, as JSON")
    return parser.parse_args(arguments)


def explorers() -> list[str]:
    """Every explorer of the course, `rnn.trajectories`, as its tests find them."""
    found = (
        "from companion import explorers; import json, sys;"
        "json.dump([f'{theme}.{name}' for theme in explorers.__all__"
        " for name in getattr(explorers, theme).__all__], sys.stdout)"
    )
    return json.loads(run(found))


def seconds_of(before: str, timed: str) -> float:
    """Seconds that `timed` takes in a fresh process which has already run `before`."""
    return json.loads(run(CLOCK.format(before=before, timed=timed)))


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{code}\n{done.stderr}")
    return done.stdout


def table(report: dict) -> str:
    """The report as Markdown: imports, then explorers, slowest first."""
    imports, pictures = report["imports"], report["pictures"]
    lines = ["| | seconds, median | lowest | highest |", "|---|---|---|---|"]
    for name, seconds in imports.items():
        median, low, high = np.median(seconds), min(seconds), max(seconds)
        lines.append(f"| {name} | {median:.3f} | {low:.3f} | {high:.3f} |")
    median = np.median(imports["import companion"])
    lines += [
        "",
        f"- `import companion`: {median:.3f} s, goal {GOALS['import']} s: "
        f"{'reached' if median <= GOALS['import'] else 'missed'}",
        "- imported before the clock starts: what the course stands on, so that only "
        "its own modules and what they bring beside it count",
        "",
        "| explorer | first picture, seconds |",
        "|---|---|",
    ]
    waits = {name: np.median(seconds) for name, seconds in pictures.items()}
    for name in sorted(waits, key=waits.get, reverse=True):
        lines.append(f"| {name} | {waits[name]:.2f} |")
    late = [name for name, wait in waits.items() if wait > GOALS["picture"]]
    lines += [
        "",
        f"- {len(waits) - len(late)} of {len(waits)} explorers show their first "
        f"picture within {GOALS['picture']:g} s of the start of their cell; a fresh "
        "process each, the set-up cell's imports done",
        f"- machine: {report['machine']}",
        f"- date: {report['date']}; {quiet_or_not(report['load_before'])}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
