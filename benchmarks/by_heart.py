"""`python -m benchmarks.by_heart`: the model of notebook 10 learns a text by heart.

Two LSTM layers of 256 units read the first 10,000 characters of a text until the
perplexity of an epoch is 1.05. Prints epochs, seconds, characters a second, and the
perplexity of text that was not read. What the columns mean: README.md here.
"""

import argparse
import datetime
import json

import jax
import numpy as np

from benchmarks.headline import load, machine, quiet_or_not, say
from companion import epochs
from companion.books import load_book
from companion.cells import LSTM
from companion.language import LanguageModel
from companion.layers import Stacked
from companion.ngrams import WittenBell
from companion.text import Vocabulary, characters, plain, story

__all__ = ["main", "table"]

TEXTS = {
    "The Keeper (with the course)": lambda: story("keeper"),
    "The Time Machine": lambda: load_book("time_machine", progress=False),
}
GOAL = 1.05


def main(arguments=None) -> dict:
    """Train, print the table (or JSON), and return the report."""
    options = parse(arguments)
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "device": jax.devices()[0].device_kind,
        "load_before": load(),
        "characters": options.characters,
        "runs": [],
    }
    for name, text in TEXTS.items():
        try:
            ids, size = prepared(text())
        except ConnectionError as error:
            say(f"{name} is left out: {error}")
            continue
        for seed in range(options.seeds):
            say(f"{name}, seed {seed} ...")
            report["runs"].append(one_run(name, ids, size, seed, options))
    print(json.dumps(report, indent=2) if options.json else table(report))
    return report


def parse(arguments):
    parser = argparse.ArgumentParser(prog="benchmarks.by_heart", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--characters", type=int, default=10_000, help="to be learned")
    parser.add_argument("--epochs", type=int, default=32, help="at most")
    parser.add_argument("--n-a", type=int, default=256, help="units in each layer")
    parser.add_argument("--json", action="store_true", help="every number measured")
    return parser.parse_args(arguments)


def prepared(text: str):
    """The ids of a text in 27 symbols, and the size of its vocabulary."""
    tokens = characters(plain(text))
    vocabulary = Vocabulary.build(tokens)
    return np.asarray(vocabulary.encode(tokens)), len(vocabulary)


def one_run(name, ids, size, seed, options) -> dict:
    n = options.characters
    learn, later = ids[:n], ids[n : n + n // 2]
    model = LanguageModel(Stacked((LSTM(options.n_a), LSTM(options.n_a))), size)
    key, loud = jax.random.split(jax.random.key(seed))
    params = epochs.loud_inputs(model, model.init(key), loud)
    given = dict(held_out=later, epochs=options.epochs, until=GOAL, progress=False)
    run = epochs.read(model, params, learn, **given)
    counted = WittenBell.fit(learn, size, 6).perplexities(later)
    return {
        "text": name,
        "seed": seed,
        "epochs": run.epochs,
        "running": float(run.perplexities[-1]),
        "frozen": run.frozen,
        "held_out": float(run.held_out[-1]),
        "held_out_best": float(run.held_out.min()),
        "counted_best": float(counted.min()),
        "seconds": run.seconds,
        "compile_seconds": run.compile_seconds,
        "tokens_per_second": run.tokens_per_second,
    }


def table(report) -> str:
    """The report in Markdown."""
    lines = [
        "| text | seed | epochs | perplexity, running | frozen | held out | held out, "
        "best epoch | counting, best order | seconds | compiling | characters/s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in report["runs"]:
        lines.append(
            "| {text} | {seed} | {epochs} | {running:.3f} | {frozen:.3f} | "
            "{held_out:.1f} | {held_out_best:.2f} | {counted_best:.2f} | {seconds:.1f} "
            "| {compile_seconds:.1f} | {tokens_per_second:,.0f} |".format(**run)
        )
    reached = sum(run["running"] <= GOAL for run in report["runs"])
    lines += [
        "",
        f"- {reached} of {len(report['runs'])} runs reached {GOAL}",
        f"- machine: {report['machine']}; device: {report['device']}",
        f"- {quiet_or_not(report['load_before'])}; {report['date']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
