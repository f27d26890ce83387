"""`python -m benchmarks.headline`: the headline step beside other libraries.

Prints a Markdown table of ratios. What is timed, and why like this: README.md here.
"""

import argparse
import json
import math

from benchmarks import peers
from benchmarks.machine import (
    choose,
    fresh_process,
    load,
    machine,
    name_of,
    quiet_or_not,
    say,
    today,
)

# Nothing that starts threads may be imported here: see `machine.fresh_process`.

__all__ = ["gather", "main", "measure", "parse", "table"]

KINDS = ("train", "forward")


def main(arguments=None) -> dict:
    """Measure, print the table (or JSON), and return the report."""
    options = parse(arguments)
    report = gather(options)
    print(json.dumps(report, indent=1) if options.json else table(report))
    return report


def gather(options) -> dict:
    """The report: one run for each number of cores, in a fresh process."""
    runs = choose(options.cores)
    report = {
        "date": today(),
        "machine": machine(),
        "load_before": load(),
        "work": {},
        "runs": [],
    }
    for cores in runs:
        say(f"measuring on {name_of(cores)}")
        with fresh_process(cores) as pool:
            report["runs"].append(pool.submit(measure, cores, vars(options)).result())
    report["work"] = report["runs"][0]["work"]
    return report


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.headline",
        description="The headline training step of the course beside other libraries.",
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print everything measured, as JSON")
    add("--quick", action="store_true", help="few rounds: a look, not a measurement")
    add("--rounds", type=int, help="rounds to compare (default 30, quick 5)")
    add("--repeats", type=int, default=3, help="calls timed per turn (default 3)")
    add("--cores", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    add("--only", nargs="+", choices=peers.CLASSES, help="default: all installed")
    add("--n-a", type=int, default=256, help="units of a layer (default 256)")
    add("--batch", type=int, default=32, help="sequences (default 32)")
    add("--steps", type=int, default=35, help="characters a sequence (default 35)")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (5 if options.quick else 30)
    return options


def measure(cores: list[int] | None, options: dict) -> dict:
    """Parity, first calls, interleaved rounds, ratios, in a process on these cores."""
    import jax

    from benchmarks.timing import first_call, interleave, ratios
    from benchmarks.work import Work, answers, assert_same

    names = options["only"] or list(peers.CLASSES)
    work = Work(n_a=options["n_a"], batch=options["batch"], T=options["steps"])
    if len(jax.devices()) == 1 or work.batch % len(jax.devices()):
        names = [name for name in names if name != "split"]
    for why in peers.missing(names).values():
        say(f"  left out: {why}")
    start = after = work.params()
    batches = work.batches()

    contestants, first = {}, {kind: {} for kind in KINDS}
    expected = None
    # the plain scan always takes part in the parity check: it judges the others
    for name, kind in peers.installed(dict.fromkeys(["plain", *names])).items():
        say(f"  parity: {kind.name}")
        # who cannot take the step starts with the weights that it led to
        contestant = kind(work, start if "train" in kind.kinds else after, *batches)
        seconds = {what: first_call(getattr(contestant, what)) for what in kind.kinds}
        given = answers(contestant, start)
        if expected is None:
            expected, after = given, contestant.weights()
        assert_same(kind.name, given, {part: expected[part] for part in given})
        if name in names:
            contestants[name] = contestant
            for what in kind.kinds:
                first[what][name] = seconds[what]
    reference = "torch" if "torch" in contestants else next(iter(contestants))
    result = {
        "cores": cores,
        "work": vars(work) | {"update": "gradient descent"},
        "names": {name: c.name for name, c in contestants.items()},
        "versions": peers.versions(contestants),
        "missing": peers.missing(names),
        "reference": reference,
        "first_call_seconds": first,
        "seconds": {},
        "ratios": {},
    }
    for what in KINDS:
        say(f"  timing: {what}, {options['rounds']} rounds")
        calls = {
            name: getattr(c, what) for name, c in contestants.items() if what in c.kinds
        }
        seconds = interleave(calls, options["rounds"], options["repeats"])
        result["seconds"][what] = seconds
        # who is alone with a kind is its own measure
        base = reference if reference in calls else next(iter(calls), None)
        result["ratios"][what] = ratios(seconds, base) if calls else {}
    for name, c in contestants.items():
        loss = float(c.forward())
        assert math.isfinite(loss), f"{name}: the loss is {loss} after the timed steps"
    return result


def table(report: dict) -> str:
    """The report as Markdown: a row a contestant, fastest training first."""
    work, runs = report["work"], report["runs"]
    first = runs[0]
    versions = ", ".join(f"{name} {v}" for name, v in first["versions"].items())
    lines = [
        f"Speed relative to {first['names'][first['reference']]} (higher is faster): "
        "median of paired ratios, quartiles in brackets.",
        "",
        f"- work: {work['depth']}-layer LSTM of {work['n_a']}, {work['n_y']} "
        f"characters, batch {work['batch']}, {work['T']} steps; train is forward, "
        "backward and update, forward is tokens to loss",
        f"- machine: {report['machine']}",
        f"- versions: {versions}",
        f"- date: {report['date']}; {quiet_or_not(report['load_before'])}",
    ]
    lines += [f"- left out: {why}" for why in first.get("missing", {}).values()]
    lines.append("")
    columns = [(run, kind) for run in runs for kind in KINDS]
    heads = [f"{kind}, {name_of(run['cores'])}" for run, kind in columns]
    heads += ["first training call"]
    lines += [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    last = runs[-1]  # the split road only exists on more than one core

    def speed(name):  # who does not train comes last, by the forward pass
        train, forward = (last["ratios"][kind].get(name) for kind in KINDS)
        return (1, train[1]) if train else (0, forward[1])

    for name in sorted(last["names"], key=speed, reverse=True):
        cells = [cell(run["ratios"][kind].get(name)) for run, kind in columns]
        seconds = last["first_call_seconds"]["train"].get(name)
        first_call = "" if seconds is None else f"{seconds:.1f} s"
        row = [last["names"][name], *cells, first_call]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def cell(quartiles):
    if quartiles is None:
        return ""
    low, median, high = quartiles
    return f"{median:.2f} ({low:.2f}-{high:.2f})"


if __name__ == "__main__":
    main()
