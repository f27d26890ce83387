"""`python -m benchmarks`: every comparison of speed and memory, in one run.

Writes results.md, results.json and results.png to a folder and prints the Markdown.
What is measured, and why like this: README.md here.
"""

import argparse
import json
import pathlib
import time

from benchmarks import GROUPS, headline, peers
from benchmarks.machine import load, machine, say, today

# Nothing that starts threads may be imported here: a process that measures imports this
# file again before it is pinned.

__all__ = ["main"]


def main(arguments=None) -> dict:
    """Measure the chosen cases, write and print what came out, return the report."""
    options = parse(arguments)
    from benchmarks import cases, layers, report

    try:
        chosen = cases.chosen(options.cases, options.cores, options.quick)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    names = options.only or list(peers.CLASSES)
    budget = options.seconds or (1.5 if options.quick else 4.0)
    began = time.monotonic()
    found = {
        "date": today(),
        "machine": machine(),
        "load_before": load(),
        "quick": options.quick,
        "left_out": peers.missing(names) | too_long(options.cases),
    }
    for why in found["left_out"].values():
        say(f"left out: {why}")
    if "headline" in options.cases:
        how = ["--quick"] if options.quick else []
        how += ["--only", *names, "--cores", *map(str, options.cores)]
        found["headline"] = headline.gather(headline.parse(how))
    if chosen:
        found["layers"] = layers.time_cases(chosen, names, budget)
    if "long" in options.cases:
        works = cases.long_works(options.quick)
        found["long"] = layers.long_sequences(works, 2 * budget)
    found["minutes"] = round((time.monotonic() - began) / 60, 1)
    text = report.markdown(found)
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    if picture := report.picture(found):
        (out / "results.png").write_bytes(picture)
        text += f"\n\n![{report.ALT}](results.png)"
    (out / "results.md").write_text(text + "\n")
    print(text)
    say(f"written to {out}")
    return found


def too_long(chosen) -> dict[str, str]:
    """Cases of the grid that are not run unless they are asked for by name."""
    from benchmarks import cases

    if "grid" not in chosen:
        return {}
    names = [work.name for work in cases.left_out() if work.name not in chosen]
    if not names:
        return {}
    operations = f"more than {cases.MOST:.0e} operations a training step"
    return {"cases": f"{', '.join(names)}: {operations}; --cases takes their names"}


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Speed and memory of the course's cells beside other libraries.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="few cases, few rounds: a look")
    add(
        "--cases",
        nargs="+",
        default=GROUPS,
        metavar="CASE",
        help=f"groups ({', '.join(GROUPS)}; default all) or layers by name, such "
        "as GRU-512-100-32 or biLSTM-256-100-32: cell, n_a, T, batch",
    )
    add("--only", nargs="+", choices=peers.CLASSES, help="default: all installed")
    add("--cores", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    add("--seconds", type=float, help="of timing a layer (default 4, quick 1.5)")
    add(
        "--out",
        type=pathlib.Path,
        default=pathlib.Path("build/benchmarks"),
        metavar="FOLDER",
        help="where results.md, .json and .png go (default build/benchmarks)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
