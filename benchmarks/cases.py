"""What `make bench` measures: groups of cases, each a layer and a number of cores."""

import itertools

from benchmarks import GROUPS
from benchmarks.layer import CELLS, LayerWork

__all__ = ["MOST", "chosen", "left_out", "long_works"]

SIZES, LENGTHS, BATCHES = (32, 256, 512), (10, 100, 1000), (1, 32)
# operations of one training step: beyond this, a round of everybody takes a minute
MOST = 100e9


def every() -> list[LayerWork]:
    sizes = itertools.product(CELLS, SIZES, LENGTHS, BATCHES)
    return [LayerWork(kind, n_a, T, batch) for kind, n_a, T, batch in sizes]


def middle(batches=BATCHES) -> list[LayerWork]:
    return [LayerWork(kind, batch=batch) for kind in CELLS for batch in batches]


def left_out() -> list[LayerWork]:
    """The cases of the grid that take too long; each can be asked for by its name."""
    return [work for work in every() if work.operations > MOST]


def chosen(names, cores, quick: bool) -> list[tuple[int, LayerWork]]:
    """(how many cores, work) for each group or case in `names`, one core first.

    names: groups, and names of layers such as "GRU-512-1000-32" or
    "biLSTM-256-100-32", which are measured on each number in `cores`.
    Raises ValueError for a name that is neither.
    """
    picked = []
    for name in names:
        if name == "grid":
            works = middle() if quick else every()
            found = [(1, work) for work in works if work.operations <= MOST]
        elif name == "two-cores":
            found = [(2, work) for work in middle((32,) if quick else BATCHES)]
        elif name == "bidirectional":
            found = [(n, LayerWork("LSTM", both_ways=True)) for n in cores]
        elif name in GROUPS:
            found = []  # the headline and the long sequences have their own ways
        else:
            found = [(n, named(name)) for n in cores]
        picked += found
    unique = dict.fromkeys(case for case in picked if case[0] in cores)
    return sorted(unique, key=lambda case: case[0])


def named(name: str) -> LayerWork:
    kind, *sizes = name.split("-")
    both_ways = kind.startswith("bi")
    kind = kind.removeprefix("bi")
    if kind in CELLS and len(sizes) == 3 and all(size.isdecimal() for size in sizes):
        n_a, T, batch = map(int, sizes)
        if min(n_a, T, batch) > 0:
            return LayerWork(kind, n_a, T, batch, both_ways=both_ways)
    raise ValueError(
        f"--cases {name}: a case is one of {', '.join(GROUPS)}, or a layer such as "
        f"GRU-256-100-32 (cell, n_a, T, batch) or biLSTM-256-100-32"
    )


def long_works(quick: bool) -> list[LayerWork]:
    lengths = (1_000,) if quick else (1_000, 10_000)
    return [LayerWork("LSTM", 256, T, batch=8) for T in lengths]
