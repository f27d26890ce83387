"""Measuring a `LayerWork`: parity first, then time in turns, or memory."""

import gc

from benchmarks import peers
from benchmarks.machine import choose, fresh_process, name_of, peak_memory, say

# Nothing that starts threads may be imported here: see `machine.fresh_process`.

__all__ = ["long_sequences", "measure", "memory", "time_cases"]


def time_cases(cases, names, budget: float) -> list[dict]:
    """The results of `measure` for every (how many cores, work)."""
    results = []
    for n in sorted({n for n, _ in cases}):
        (cores,) = choose([n])
        say(f"measuring layers on {name_of(cores)}")
        with fresh_process(cores) as pool:
            for work in [work for number, work in cases if number == n]:
                say(f"  {work.name}")
                asked = pool.submit(measure, work, names, budget)
                results.append({"cores": cores} | asked.result())
    return results


def long_sequences(works, budget: float, names=peers.LONG) -> list[dict]:
    """Time in turns within one process, memory in a fresh process for each contestant.

    On one core, training only.
    """
    (cores,) = choose([1])
    results = []
    for work in works:
        say(f"  {work.name}, long")
        with fresh_process(cores) as pool:
            timed = pool.submit(measure, work, names, budget, "LONG", ("train",))
            result = {"cores": cores} | timed.result()
        result["memory"] = {}
        for name in result["names"]:
            with fresh_process(cores) as pool:
                result["memory"][name] = pool.submit(memory, work, name).result()
        results.append(result)
    return results


def measure(
    work, names, budget: float, registry="LAYERS", kinds=("train", "forward")
) -> dict:
    """Parity, first calls, interleaved rounds and ratios of one layer.

    budget: seconds for the rounds, two parts of three for training. names: whom to
    time. registry: the name of a table in `benchmarks.peers`. Raises AssertionError
    naming the contestant that computes something else.
    """
    import jax

    from benchmarks.layer import check
    from benchmarks.timing import first_call, interleave, plan, ratios

    registry = getattr(peers, registry)
    params, given = work.params(), work.given()
    contestants, expected = {}, None
    first = {kind: {} for kind in kinds}
    # the plain scan always takes part in the parity check: it judges the others
    wanted = dict.fromkeys(["plain", *[name for name in names if name in registry]])
    for name, kind in peers.installed(wanted, registry).items():
        if not kind.does(work):
            continue
        contestant = kind(work, params, *given)
        for what in kinds:
            if what in contestant.kinds:
                first[what][name] = first_call(getattr(contestant, what))
        answers = contestant.answers()
        expected = answers if expected is None else expected
        check(contestant, answers, expected)
        contestants[name] = contestant
    if "plain" not in names:
        del contestants["plain"]
    result = {
        "case": work.name,
        "work": vars(work),
        "names": {name: c.name for name, c in contestants.items()},
        "versions": peers.versions(contestants),
        "missing": peers.missing(wanted, registry),
        "first_call_seconds": first,
        "rounds": {},
        "seconds": {},
        "ratios": {},
    }
    del expected, answers
    for what in kinds:
        share = budget * {"train": 2, "forward": 1}[what] / 3
        calls = {
            name: getattr(c, what) for name, c in contestants.items() if what in c.kinds
        }
        if not calls:
            continue
        how = plan(calls, share)
        seconds = interleave(calls, **how)
        reference = "torch" if "torch" in calls else next(iter(calls))
        result["rounds"][what] = how["rounds"]
        result["seconds"][what] = seconds
        result["ratios"][what] = ratios(seconds, reference)
    del contestants, calls
    jax.clear_caches()  # the next case compiles functions of its own
    gc.collect()
    return result


def memory(work, name: str) -> dict:
    """Bytes one contestant needs for a training step beside weights and inputs.

    peak: how far this fresh process grew while one step ran, outputs and gradients
    included; planned: what XLA's compiler says, None without one.
    """
    import dataclasses

    (kind,) = peers.installed([name], peers.LONG).values()
    small = dataclasses.replace(work, T=2)  # libraries load and start what they need
    kind(small, small.params(), *small.given()).train()
    run, planned = kind(work, work.params(), *work.given()).compiled()
    kept = []  # what comes out is there when the peak is
    return {"peak": peak_memory(lambda: kept.append(run())), "planned": planned}
