"""Networks that read different texts for the same time, each stopped at its own best.

    checks, tests = exams(stop_by), exams(test_on)
    lessons = {
        "half": lesson([ids[:5000]], checks),
        "all": lesson([ids], checks),
    }
    found = study(model, lessons, key=key, seeds=3, updates=400)
    found.validation                     # (lessons, seeds, exams, looks), in bits
    found.bits(tests)                    # (lessons, seeds, exams), at the best look

All networks have the same model and the same number of updates, so that they train as
one compiled program. What they do not share is how long they profit: a small text is
soon known by heart. So every network is examined every few updates on text that it does
not learn, and the weights that did best there are kept, one set for each exam.

A window (T + 1,) is what stands in front, one token, and the T tokens to be predicted.
In front there may be the token before, or a mark that says whose text it is.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from companion import losses, validate
from companion.comparing import at_once
from companion.epochs import loud_inputs
from companion.language import LanguageModel
from companion.ngrams import WittenBell
from companion.training import QUICKLY, fit

__all__ = [
    "Lesson",
    "Studied",
    "counting",
    "exam_rows",
    "exams",
    "lesson",
    "study",
    "text_windows",
]


class Lesson(NamedTuple):
    """What one network learns from, and what tells it when to stop.

    windows: (n, T + 1), drawn from at random, each with the same chance.
    checks: (exams, rows, t + 1), text that is not learned; as `exam_rows` makes them.
    """

    windows: Int[np.ndarray, "n _"]
    checks: Int[np.ndarray, "exams rows _"]


def text_windows(
    ids, T: Integral, mark: Integral | None = None
) -> Int[np.ndarray, "n _"]:
    """Every window of T tokens of a text: ids (m,) -> (m - T, T + 1).

    mark: a token to stand in front of each, in place of the token that really does.
    """
    ids = as_text("ids", ids)
    T = validate.positive_int("T", T)
    if len(ids) <= T:
        raise ValueError(f"ids has {len(ids)} tokens, windows of T = {T} need {T + 1}")
    windows = ids[np.arange(len(ids) - T)[:, None] + np.arange(T + 1)]
    if mark is not None:
        windows[:, 0] = mark
    return windows


def exam_rows(
    ids, T: Integral = 150, warm: Integral = 50, mark: Integral | None = None
) -> Int[np.ndarray, "rows _"]:
    """A text as rows of T tokens that overlap by `warm`: ids (m,) -> (rows, T + 1).

    The first `warm` tokens of a row are read and not scored, so every token that is
    scored has at least as many before it. Fewer than T - warm at the end are left out.
    """
    T, warm = validate.positive_int("T", T), validate.positive_int("warm", warm)
    if warm >= T:
        raise ValueError(f"warm must be less than T = {T}, got {warm}")
    return text_windows(ids, T, mark)[:: T - warm]


def counting(
    ids, size: Integral, checks, rows, *, order: Integral = 6, warm: Integral = 50
) -> Float[np.ndarray, "exams rows _"]:
    """-log P of the same tokens by counting, in nats: what to compare networks with.

    ids: (m,) the text to count, of an alphabet of `size`. checks, rows: (exams, rows,
    t + 1), as `exam_rows` makes them; the order, at most `order`, is chosen for each
    exam by its checks.
    """
    counter = WittenBell.fit(ids, int(size), int(order))

    def nats(row):
        known = row[1 : warm + 1]
        return -counter.log_probs_by_order(row[warm + 1 :], before=known)

    found = []
    for check, exam in zip(checks, rows, strict=True):
        chosen = np.mean([nats(row) for row in check], axis=(0, 2)).argmin()
        found.append([nats(row)[chosen] for row in exam])
    return np.array(found)


def lesson(
    texts: Sequence, checks, T: Integral = 50, marks: Sequence | None = None
) -> Lesson:
    """One or several texts to learn from: their windows, none over a seam.

    texts: each (m,). checks: as `exams` makes them. marks: as in `text_windows`, one
    for each text.
    """
    marks = [None] * len(texts) if marks is None else marks
    pairs = zip(texts, marks, strict=True)
    return Lesson(np.concatenate([text_windows(i, T, m) for i, m in pairs]), checks)


def exams(
    *texts, T: Integral = 150, warm: Integral = 50
) -> Int[np.ndarray, "exams rows _"]:
    """`exam_rows` of one or several texts, equally long."""
    rows = [exam_rows(ids, T, warm) for ids in texts]
    if len({each.shape for each in rows}) != 1:
        raise ValueError(f"exams must be equally long, got {[*map(len, texts)]} tokens")
    return np.stack(rows)


class Studied(NamedTuple):
    """What `study` leaves; the first axis is that of the lessons.

    names: of the lessons. updates: (looks,) how many were done at each look.
    validation: (lessons, seeds, exams, looks) bits per token of the checks.
    training: (lessons, seeds, looks) of the windows read since the look before.
    params: the best of each network, every array (lessons, seeds, exams, ...).
    tokens_per_second: targets learned from, by all networks together, in the
        quickest time between looks; compiling is apart, in the first of them.
    examine: (params, rows) -> nats, compiled; `bits` calls it.
    """

    names: tuple[str, ...]
    updates: np.ndarray
    validation: np.ndarray
    training: np.ndarray
    params: Any
    tokens_per_second: float
    examine: Callable

    @property
    def n_parameters(self) -> int:
        """Of one network."""
        return sum(leaf[0, 0, 0].size for leaf in jax.tree.leaves(self.params))

    @property
    def best(self) -> Int[np.ndarray, "lessons seeds exams"]:
        """After how many updates each network did best."""
        return self.updates[self.validation.argmin(axis=-1)]

    def nats(self, rows) -> Float[np.ndarray, "lessons seeds exams rows _"]:
        """-log P of every scored token of other rows, (exams, rows, t + 1), each exam
        with its own best weights. A lesson axis may stand in front of the rows.
        """
        rows = validate.as_input("rows", rows, "integers")
        lessons, _, exams = self.best.shape
        if rows.ndim not in (3, 4) or rows.shape[-3] != exams:
            raise ValueError(
                f"rows has shape {rows.shape}, but needs ({exams}, rows, t + 1) or a "
                f"lesson axis of {lessons} in front"
            )
        rows = np.broadcast_to(rows, (lessons, *rows.shape[-3:]))
        return np.asarray(self.examine(self.params, rows))

    def bits(self, rows) -> Float[np.ndarray, "lessons seeds exams"]:
        """The mean of `nats` over the tokens, in bits."""
        return self.nats(rows).mean(axis=(-2, -1)) / np.log(2)


def study(
    model: LanguageModel,
    lessons: Mapping[str, Lesson],
    *,
    key: Array,
    seeds: Integral = 3,
    updates: Integral = 400,
    every: Integral = 50,
    batch: Integral = 8,
    learning_rate: Any = 1e-2,
    clip: Real | None = 1.0,
    warm: Integral = 50,
    threads: Integral = 1,
    progress: bool | None = None,
) -> Studied:
    """Train `seeds` networks on each lesson; keep the weights of their best moments.

    key: equal keys give equal starts, and equal draws from windows that are equal.
    every: updates from one look at the checks to the next. batch: windows an update.
    learning_rate: as in `fit`, or one for each lesson, (lessons,). clip, progress: as
        in `fit`, whose errors it raises. warm: as in `exam_rows`.
    threads: the lessons are dealt out to so many programs, which run at the same time.
        What is learned stays the same; two are worth it where there are two cores.

    The weights start with `epochs.loud_inputs`. Raises ValueError for lessons whose
    windows differ in T, or whose checks differ in shape.
    """
    validate.instance("model", model, LanguageModel)
    number = validate.positive_int("seeds", seeds)
    updates = validate.positive_int("updates", updates)
    every = min(validate.positive_int("every", every), updates)
    names, (windows, checks) = tuple(lessons), as_arrays(lessons)
    rates = for_each_run(learning_rate, (len(lessons), number))
    for_weights, for_data = jax.random.split(key)
    rng = np.random.default_rng(np.asarray(jax.random.bits(for_data, (4,))))
    places = rng.random((number, updates, validate.positive_int("batch", batch)))
    at = np.array([*range(every, updates, every), updates])

    start = starts(model, for_weights, number)

    def some(which):
        return together(
            model,
            tuple(names[i] for i in which),
            [windows[i][(places * len(windows[i])).astype(int)] for i in which],
            checks[which],
            start,
            at,
            int(warm),
            learning_rate=rates[which].ravel(),
            clip=clip,
            every=every,
            progress=progress,
        )

    threads = min(validate.positive_int("threads", threads), len(lessons))
    dealt = dict(enumerate(np.array_split(np.arange(len(lessons)), threads)))
    return joined([*at_once(some, dealt).values()])


def together(model, names, drawn, checks, start, at, warm, **options) -> Studied:
    """Several lessons as one program.

    drawn: of each the windows, (seeds, updates, batch, T + 1). start: (seeds, ...).
    """
    runs = len(names), len(drawn[0])
    looks = Looks(model, checks, runs, warm)
    run = fit(
        partial(window_loss, model),
        jax.tree.map(lambda p: np.concatenate([p] * len(names)), start),
        np.concatenate(drawn).astype(np.int32),
        over_seeds=True,
        watch=looks,
        **options,
    )
    parts = np.split(np.asarray(run.losses), at[:-1], axis=-1)
    training = np.stack([part.mean(axis=-1) for part in parts], axis=-1)
    learned = drawn[0][:, 0, :, 1:].size * len(names) * options["every"]
    return Studied(
        names,
        at,
        np.stack(looks.seen, axis=-1) / np.log(2),
        training.reshape(*runs, -1) / np.log(2),
        looks.kept,
        learned / min(looks.seconds),
        looks.examine,
    )


def joined(parts: Sequence[Studied]) -> Studied:
    """One study of what several programs have learned."""
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([len(part.names) for part in parts])[:-1]

    def examine(params, rows):
        def one(i):
            own = jax.tree.map(lambda leaf: np.split(leaf, ends)[i], params)
            return np.asarray(parts[i].examine(own, np.split(rows, ends)[i]))

        found = at_once(one, {i: i for i in range(len(parts))})
        return np.concatenate([*found.values()])

    return Studied(
        sum((part.names for part in parts), ()),
        parts[0].updates,
        np.concatenate([part.validation for part in parts]),
        np.concatenate([part.training for part in parts]),
        jax.tree.map(
            lambda *own: np.concatenate(own), *(part.params for part in parts)
        ),
        sum(part.tokens_per_second for part in parts),
        examine,
    )


class Looks:
    """Examines the networks, and keeps of each the weights that did best so far."""

    def __init__(self, model, checks, runs, warm):
        self.runs, self.checks, self.exams = runs, checks, checks.shape[1]
        self.seen, self.kept, self.seconds = [], None, []

        def nats(params, rows):
            state = model.start(params, rows.shape[:1], before=rows[:, 0])
            return model.surprise(params, rows[:, 1:], state=state)[:, warm:]

        over_exams = jax.vmap(nats)
        over_seeds = jax.vmap(over_exams, (0, None))
        quickly = QUICKLY.get(jax.default_backend())
        self.examine = jax.jit(jax.vmap(over_seeds), compiler_options=quickly)
        self.since = time.perf_counter()

    def __call__(self, so_far):
        self.seconds.append(time.perf_counter() - self.since)
        params = jax.tree.map(self.for_each_exam, so_far.params)
        seen = np.asarray(self.examine(params, self.checks)).mean(axis=(-2, -1))
        if self.kept is None:
            self.kept = params
        else:
            better = seen < np.min(self.seen, axis=0)
            self.kept = jax.tree.map(partial(where, better), params, self.kept)
        self.seen.append(seen)
        self.since = time.perf_counter()

    def for_each_exam(self, values):
        values = np.asarray(values).reshape(*self.runs, 1, *values.shape[1:])
        return np.repeat(values, self.exams, axis=2)


def where(better, new, old):
    return np.where(better.reshape(*better.shape, *[1] * (new.ndim - 3)), new, old)


def window_loss(model, params, windows):
    state = model.start(params, windows.shape[:1], before=windows[:, 0])
    logits = model.logits(params, windows[:, 1:], state=state)
    return losses.cross_entropy(logits, windows[:, 1:])


def starts(model, key, seeds):
    """Fresh parameters, the same for each lesson: (seeds, ...)."""

    def fresh(key):
        # not jitted: then XLA compiles one orthogonal draw for all matrices of a shape,
        # and of a generator that it compiles in a third of the time
        key = jax.random.wrap_key_data(jax.random.bits(key, 4, "uint32"), impl="rbg")
        return loud_inputs(model, model.init(key), jax.random.fold_in(key, 1))

    params = [fresh(each) for each in jax.random.split(key, seeds)]
    return jax.tree.map(lambda *ps: np.stack([*map(np.asarray, ps)]), *params)


def for_each_run(rate, runs):
    """One rate for all, or one a lesson, as (lessons, seeds)."""
    rate = np.asarray(rate, float)
    if rate.shape not in ((), runs[:1]):
        raise ValueError(
            f"learning_rate must be one number or one a lesson, {runs[:1]}, got shape "
            f"{rate.shape}"
        )
    return np.broadcast_to(rate[..., None], runs)


def as_arrays(lessons):
    """The windows of each lesson, and the checks of all, (lessons, exams, rows, t)."""
    if not lessons:
        raise ValueError("lessons must hold at least one, got none")
    windows, checks = [], []
    for name, lesson in lessons.items():
        validate.instance(f"lessons[{name!r}]", lesson, Lesson)
        for field, values, axes in zip(lesson._fields, lesson, (2, 3), strict=True):
            values = np.asarray(validate.as_input(field, values, "integers"))
            if values.ndim != axes or not values.size:
                raise ValueError(
                    f"{field} of lessons[{name!r}] needs {axes} axes and something in "
                    f"them, got shape {values.shape}"
                )
            (windows if axes == 2 else checks).append(values)
    if len({w.shape[1] for w in windows}) > 1 or len({c.shape for c in checks}) > 1:
        raise ValueError(
            "lessons must have windows of one T and checks of one shape, got windows "
            f"{[w.shape for w in windows]} and checks {[c.shape for c in checks]}"
        )
    return windows, np.stack(checks).astype(np.int32)


def as_text(name, ids):
    ids = np.asarray(validate.as_input(name, ids, "integers"))
    if ids.ndim != 1:
        raise ValueError(f"{name} must be one text (m,), got shape {ids.shape}")
    return ids.astype(np.int32)
