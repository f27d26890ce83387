"""Equal-parameter comparisons: who learns a task, over several seeds, at what price.

    makes = {"tanh": RNN, "GRU": GRU, "no forget": partial(LSTM, forget_gate=False)}
    entries = sized(makes, n_parameters=1500, n_x=task.n_x)
    outcome = arena(entries, task, key=key, seeds=5, steps=300)
    print(outcome.table())

What is kept equal: the parameters (to whole units), the number of updates, and for a
given seed every training sequence and the test. What is not: the learning rate, which
each entry picks for itself on sequences that are neither trained on nor tested on.
"""

import functools
import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from companion import validate
from companion.cells import Cell
from companion.comparing import at_once
from companion.intervals import Interval, interval
from companion.layers import Stacked, width
from companion.losses import accuracy, cross_entropy
from companion.models import ManyToMany
from companion.paths import PathLength, path_length
from companion.sizes import Size, parameters_of, size_for, sized
from companion.training import QUICKLY, fit

__all__ = [
    "Entry",
    "Interval",
    "Outcome",
    "Size",
    "arena",
    "grid",
    "interval",
    "size_for",
    "sized",
]


class Entry(NamedTuple):
    """What the arena found out about one layer on one task.

    scores, losses: (seeds,), accuracy and nats on the test, at the chosen rate.
    validation: (rates, seeds), the accuracies that chose it.
    n_parameters: of the layer; readout_parameters: of the readout above it.
    seconds_per_step: of one network with one batch, while all were trained side by
        side, without the `compile_seconds`, which are of all of them together.
    path: `paths.path_length` at the task's T; None for layers that it cannot read.
    """

    layer: Any
    n_a: int
    n_parameters: int
    readout_parameters: int
    learning_rate: float
    scores: np.ndarray
    losses: np.ndarray
    validation: np.ndarray
    compile_seconds: float
    seconds_per_step: float
    path: PathLength | None


@dataclass(frozen=True)
class Outcome:
    """The entries by name, and the three accuracies of the task to measure them by."""

    entries: dict[str, Entry]
    best: float | None
    chance: float | None
    memoryless: float | None

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """name -> the accuracy of each seed."""
        return {name: entry.scores for name, entry in self.entries.items()}

    def table(self, decimals: Integral = 2, times: bool = True) -> str:
        """One line an entry, to print. times: seconds, too, which no run repeats."""
        heads = ["", "units", "parameters", "accuracy", "over seeds", "rate", "path"]
        rows = [heads + ["us a step", "s to compile"] * times]
        for name, entry in self.entries.items():
            known = interval(entry.scores)
            path = "-" if entry.path is None else "{}..{}".format(*entry.path)
            row = [
                name,
                f"{entry.n_a}",
                f"{entry.n_parameters}",
                f"{known.mean:.{decimals}f}",
                f"[{known.least:.{decimals}f}, {known.most:.{decimals}f}]",
                f"{entry.learning_rate:g}",
                path,
            ]
            spent = [
                f"{1e6 * entry.seconds_per_step:.0f}",
                f"{entry.compile_seconds:.1f}",
            ]
            rows.append(row + spent * times)
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])])
            for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)


def arena(entries: Mapping[str, Any], task, **options) -> Outcome:
    """Train every entry on one task; keyword arguments as in `grid`."""
    return grid(entries, {"task": task}, **options)["task"]


def grid(
    entries: Mapping[str, Any],
    tasks: Mapping[str, Any],
    *,
    key: Array,
    seeds: Integral = 5,
    steps: Integral = 300,
    batch: Integral = 32,
    learning_rates: Real | Sequence[Real] = (3e-3, 1e-2),
    clip: Real | None = 1.0,
    draws: Integral = 1000,
    progress: bool | None = None,
    threads: bool = False,
) -> dict[str, Outcome]:
    """Train every entry on every task; name of the task -> its `Outcome`.

    entries: name -> layer, anything `ManyToMany` takes; dropout is off. tasks: name ->
    task with n_x, n_y and sample(key, batch), whose targets are classes. Where the
    tasks differ in T, n_x or n_y, a network gets the largest, its sequences are padded
    with `lengths`, and its softmax is over the classes of its task only: so one network
    serves all tasks, and each entry compiles once.

    seeds: of each a network starts with weights of its own, and reads sequences of its
    own, which are the same for all entries and rates. learning_rates: tried side by
    side; what they reach with fit's linear decay on `draws` validation sequences, in
    the mean over seeds, chooses one for each entry and task (the loss decides between
    equals). The scores are then from `draws` further sequences.

    threads: the entries train at the same time, a thread each, which on two cores is
        sooner done. Their scores stay the same; their times are then not those of an
        entry alone and no comparison.

    Raises FloatingPointError naming the entry whose loss is not finite, as `fit` does.
    """
    if not entries or not tasks:
        raise ValueError("entries and tasks must hold at least one each")
    names, numbers = ("seeds", "steps", "batch", "draws"), (seeds, steps, batch, draws)
    seeds, steps, batch, draws = map(validate.positive_int, names, numbers)
    rates = np.atleast_1d(np.asarray(learning_rates, float))
    if rates.ndim != 1 or not rates.size:
        raise ValueError(f"learning_rates must be one or several, got {learning_rates}")
    for_weights, for_data = jax.random.split(key)
    rows, runs = seeds * steps * batch, (len(tasks), len(rates), seeds)
    drawn = samples(tasks, for_data, rows + 2 * draws)

    def for_fit(values):  # (tasks, rows, ...) -> (runs, steps, batch, ...)
        own = values[:, :rows].reshape(
            len(tasks), 1, seeds, steps, batch, *tail(values)
        )
        each = np.broadcast_to(own, (*runs, *own.shape[3:]))
        return each.reshape(-1, *own.shape[3:])

    def held_out(values):  # -> (tasks, validation and test, draws, ...)
        return values[:, rows:].reshape(len(tasks), 2, draws, *tail(values))

    train, unseen = jax.tree.map(for_fit, drawn), jax.tree.map(held_out, drawn)
    n_x, n_y = (max(getattr(t, n) for t in tasks.values()) for n in ("n_x", "n_y"))

    def one_entry(name):
        layer, found = entries[name], {}
        model = ManyToMany(layer, n_y)
        params = repeated(fresh(model, for_weights, seeds, n_x), runs)
        with naming(name), Stopwatch() as watch:
            trained = fit(
                functools.partial(loss, model),
                params,
                train,
                learning_rate=np.broadcast_to(rates[:, None], runs).ravel(),
                clip=clip,
                over_seeds=True,
                progress=progress,
            )
        if trained.losses.shape[-1] < steps:
            raise KeyboardInterrupt  # fit has warned how far it came
        params = jax.tree.map(
            lambda p: np.asarray(p).reshape(*runs, *p.shape[1:]), trained.params
        )
        judge = jax.jit(
            functools.partial(judged, model),
            compiler_options=QUICKLY.get(jax.default_backend()),
        )
        for i, (title, task) in enumerate(tasks.items()):
            mine = jax.tree.map(lambda p, i=i: p[i], params)
            checks, tests = (
                jax.tree.map(lambda v, i=i, j=j: v[i, j], unseen) for j in (0, 1)
            )
            validation = over_runs(judge, mine, checks)
            means = validation.mean(axis=1)  # (rates, accuracy and loss)
            chosen = max(range(len(rates)), key=lambda r: (means[r, 0], -means[r, 1]))
            best = jax.tree.map(lambda p, r=chosen: p[r : r + 1], mine)
            scores = over_runs(judge, best, tests)[0]
            found[title] = Entry(
                layer=layer,
                n_a=width(layer),
                n_parameters=parameters_of(layer, n_x),
                readout_parameters=n_y * (width(layer) + 1),
                learning_rate=float(rates[chosen]),
                scores=scores[:, 0],
                losses=scores[:, 1],
                validation=validation[..., 0],
                compile_seconds=watch.compiling,
                seconds_per_step=watch.running / (steps * math.prod(runs)),
                path=path_or_none(layer, task.T),
            )
        return found

    names = {name: name for name in entries}
    if threads:
        found = at_once(one_entry, names)
    else:
        found = {name: one_entry(name) for name in names}
    return {
        title: outcome_of({name: found[name][title] for name in found}, task)
        for title, task in tasks.items()
    }


class Rows(NamedTuple):
    """Sequences of one or more tasks; None where all tasks agree."""

    xs: Any
    ys: Any
    mask: Any
    lengths: Any
    n_classes: Any


def samples(tasks: Mapping[str, Any], key: Array, number: int) -> Rows:
    """That many sequences of each task, filled up to one length: (tasks, number, ...).

    NumPy arrays: what is done with them, a copy or a cut, then compiles nothing.
    """
    drawn = []
    for i, task in enumerate(tasks.values()):
        # all in one call: each shape would compile the random numbers again
        sample = task.sample(jax.random.fold_in(key, i), number)
        drawn.append([np.asarray(part) for part in (sample.xs, sample.ys, sample.mask)])
    for title, (xs, ys, _) in zip(tasks, drawn, strict=True):
        if not np.issubdtype(ys.dtype, np.integer):
            raise TypeError(
                f"tasks[{title!r}]: targets must be classes, got {ys.dtype}"
            )
        if (xs.dtype.kind, xs.shape[2:]) != (
            drawn[0][0].dtype.kind,
            drawn[0][0].shape[2:],
        ):
            raise ValueError(
                f"tasks[{title!r}] has xs of {xs.dtype} {xs.shape[2:]} a step, another "
                "task has not: give tasks of one kind"
            )
    T = [ys.shape[1] for _, ys, _ in drawn]
    xs, ys, mask = (
        np.stack([filled(part, max(T)) for part in parts])
        for parts in zip(*drawn, strict=True)
    )

    def unless_equal(numbers):
        if len(set(numbers)) == 1:
            return None
        return np.repeat(np.asarray(numbers)[:, None], number, axis=1)

    classes = [task.n_y for task in tasks.values()]
    return Rows(xs, ys, mask, unless_equal(T), unless_equal(classes))


def filled(values: np.ndarray, T: int) -> np.ndarray:
    """(number, t, ...) with zeros behind, up to T steps; in the mask they are False."""
    behind = [(0, 0), (0, T - values.shape[1]), *[(0, 0)] * (values.ndim - 2)]
    return np.pad(values, behind)


def tail(values: np.ndarray) -> tuple[int, ...]:
    return values.shape[2:]


def fresh(model, key: Array, seeds: int, n_x: int):
    """Fresh parameters for each seed, (seeds, ...)."""
    each = []
    for one in jax.random.split(key, seeds):
        # a generator that XLA compiles in a third of the time; every entry has shapes
        # of its own, and drawing its weights took as long as to compile its training
        quick = jax.random.wrap_key_data(jax.random.bits(one, 4, "uint32"), impl="rbg")
        each.append(model.init(quick, n_x))
    return jax.tree.map(lambda *ps: np.stack([np.asarray(p) for p in ps]), *each)


def repeated(params, runs: tuple[int, int, int]):
    """(seeds, ...) -> (runs, ...): the same start for each task and each rate."""
    return jax.tree.map(
        lambda p: np.broadcast_to(p, (*runs, *p.shape[1:])).reshape(-1, *p.shape[1:]),
        params,
    )


def answers(model, params, rows: Rows):
    """Logits, targets and mask, as the losses take them."""
    # a layer that reads forward only has answered before the padding begins
    lengths = None if forward_only(model.layer) else rows.lengths
    logits = model.logits(params, rows.xs, lengths)
    if rows.n_classes is not None:  # classes that a task does not have
        there = jnp.arange(logits.shape[-1]) < rows.n_classes[:, None, None]
        logits = jnp.where(there, logits, -1e9)
    return logits, rows.ys, rows.mask


def forward_only(layer) -> bool:
    if isinstance(layer, Stacked):
        return all(map(forward_only, layer.layers))
    return isinstance(layer, Cell)


def loss(model, params, rows: Rows):
    return cross_entropy(*answers(model, params, rows))


def judged(model, params, rows: Rows):
    seen = answers(model, params, rows)
    return jnp.stack([accuracy(*seen), cross_entropy(*seen)])


def over_runs(judge, params, rows: Rows) -> np.ndarray:
    """Accuracy and loss of each network, (rates, seeds, 2), one network at a time."""
    rates, seeds = jax.tree.leaves(params)[0].shape[:2]
    found = np.empty((rates, seeds, 2))
    for at in np.ndindex(rates, seeds):
        found[at] = judge(jax.tree.map(lambda p, at=at: p[at], params), rows)
    return found


def path_or_none(layer, T: int) -> PathLength | None:
    try:
        return path_length(layer, T)
    except TypeError:
        return None


def outcome_of(entries: dict[str, Entry], task) -> Outcome:
    names = ("best_accuracy", "chance_accuracy", "memoryless_accuracy")
    return Outcome(entries, *(getattr(task, name, None) for name in names))


@contextmanager
def naming(entry: str):
    """An error of fit says whose it was."""
    try:
        yield
    except FloatingPointError as error:
        error.add_note(f"This was the entry {entry!r}.")
        raise


class Stopwatch:
    """Seconds until the last compilation in this thread was done, and from then on."""

    def __enter__(self):
        self.last, self.begun = compilations(), time.monotonic()
        return self

    def __exit__(self, *error):
        end, done = time.monotonic(), getattr(self.last, "done", self.begun)
        done = max(done, self.begun)
        self.compiling, self.running = done - self.begun, end - done


@functools.cache
def compilations() -> threading.local:
    """In each thread, `done` is the time at which JAX last compiled something there."""
    last = threading.local()

    def hear(event: str, seconds: float, **_):
        if event.endswith("backend_compile_duration"):
            last.done = time.monotonic()

    jax.monitoring.register_event_duration_secs_listener(hear)
    return last
