"""`python -m benchmarks.headline`: the headline step beside other libraries.

Prints a Markdown table of ratios. What is timed, and why like this: README.md here.
"""

import argparse
import concurrent.futures
import datetime
import json
import math
import multiprocessing
import os
import pathlib
import platform
import sys

from benchmarks import peers

# Nothing that starts threads may be imported here: `measure` first pins its process.

__all__ = ["main", "measure", "table"]

KINDS = ("train", "forward")


def main(arguments=None) -> dict:
    """Measure, print the table (or JSON), and return the report."""
    options = parse(arguments)
    allowed = allowed_cores()
    wanted = [n for n in options.cores if allowed and n <= len(allowed)]
    # without a way to pin there is one run, on all cores, and the table says so
    runs = [allowed[:n] for n in wanted] if allowed else [None]
    if not runs:
        sys.exit(f"--cores {options.cores}: only {len(allowed)} cores can be used here")
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "load_before": load(),
        "work": {},
        "runs": [],
    }
    for cores in runs:
        say(f"measuring on {name_of(cores)}")
        # a fresh process each: thread pools take their size when they start
        spawn = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
            report["runs"].append(pool.submit(measure, cores, vars(options)).result())
    report["work"] = report["runs"][0].pop("work")
    print(json.dumps(report, indent=1) if options.json else table(report))
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
    """Everything on these cores: parity, first calls, interleaved rounds, ratios."""
    if cores:
        os.sched_setaffinity(0, cores)
    import jax

    jax.config.update("jax_platforms", "cpu")
    if cores and len(cores) > 1:  # one device a core, for the road that splits a batch
        jax.config.update("jax_num_cpu_devices", len(cores))
    from benchmarks.timing import first_call, interleave, ratios
    from benchmarks.work import Work, answers, assert_same

    names = options["only"] or list(peers.CLASSES)
    work = Work(n_a=options["n_a"], batch=options["batch"], T=options["steps"])
    if len(jax.devices()) == 1 or work.batch % len(jax.devices()):
        names = [name for name in names if name != "split"]
    start = work.params()
    batches = work.batches()

    contestants, first = {}, {kind: {} for kind in KINDS}
    expected = None
    # the plain scan always takes part in the parity check: it judges the others
    for name, kind in peers.installed(dict.fromkeys(["plain", *names])).items():
        say(f"  parity: {kind.name}")
        contestant = kind(work, start, *batches)
        seconds = {what: first_call(getattr(contestant, what)) for what in KINDS}
        given = answers(contestant, start)
        expected = expected or given
        assert_same(kind.name, given, expected)
        if name in names:
            contestants[name] = contestant
            for what in KINDS:
                first[what][name] = seconds[what]
    reference = "torch" if "torch" in contestants else next(iter(contestants))
    result = {
        "cores": cores,
        "work": vars(work) | {"update": "gradient descent"},
        "names": {name: c.name for name, c in contestants.items()},
        "versions": {
            "jax": jax.__version__,
            **{name: v for name in contestants if (v := peers.version(name))},
        },
        "reference": reference,
        "first_call_seconds": first,
        "seconds": {},
        "ratios": {},
    }
    for what in KINDS:
        say(f"  timing: {what}, {options['rounds']} rounds")
        calls = {name: getattr(c, what) for name, c in contestants.items()}
        seconds = interleave(calls, options["rounds"], options["repeats"])
        result["seconds"][what] = seconds
        result["ratios"][what] = ratios(seconds, reference)
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
        "",
    ]
    columns = [(run, kind) for run in runs for kind in KINDS]
    heads = [f"{kind}, {name_of(run['cores'])}" for run, kind in columns]
    heads += ["first training call"]
    lines += [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    last = runs[-1]  # the split road only exists on more than one core
    order = sorted(last["names"], key=lambda name: -last["ratios"]["train"][name][1])
    for name in order:
        cells = [cell(run["ratios"][kind].get(name)) for run, kind in columns]
        seconds = last["first_call_seconds"]["train"][name]
        row = [last["names"][name], *cells, f"{seconds:.1f} s"]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def cell(quartiles):
    if quartiles is None:
        return ""
    low, median, high = quartiles
    return f"{median:.2f} ({low:.2f}-{high:.2f})"


def name_of(cores):
    if cores is None:
        return "all cores, not pinned"
    return f"{len(cores)} core{'s' if len(cores) > 1 else ''}"


def allowed_cores():
    """The cores this process may use, or None where the system cannot pin to them."""
    if hasattr(os, "sched_setaffinity"):
        return sorted(os.sched_getaffinity(0))
    return None


def machine() -> str:
    name = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def load() -> float | None:
    """Processes that wanted a core over the last minute, on average."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def quiet_or_not(load) -> str:
    if load is None:
        return "load unknown"
    label = "measured on a loaded machine" if load > 0.3 else "quiet machine"
    return f"load average {load} before the run: {label}"


def say(what: str) -> None:
    """Progress, apart from the table on standard output."""
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
