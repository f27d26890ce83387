"""The machine that is measured: its name, its load, its cores and its memory.

Nothing here imports a library that starts threads: a process first pins itself.
"""

import concurrent.futures
import datetime
import multiprocessing
import os
import pathlib
import platform
import sys
from contextlib import contextmanager

__all__ = [
    "allowed_cores",
    "choose",
    "cores_allowed",
    "fresh_process",
    "load",
    "machine",
    "name_of",
    "peak_memory",
    "pin",
    "quiet_or_not",
    "say",
    "today",
]


def allowed_cores() -> list[int] | None:
    """The cores this process may use, or None where the system cannot pin to them."""
    if hasattr(os, "sched_setaffinity"):
        return sorted(os.sched_getaffinity(0))
    return None


def cores_allowed() -> int:
    """How many cores this process may run on; all where the system cannot pin."""
    return len(allowed_cores() or range(os.cpu_count() or 1))


def choose(wanted) -> list[list[int] | None]:
    """A list of cores to pin to for each number in `wanted` that the machine has.

    Without a way to pin there is one run, on all cores: [None]. Exits if none is left.
    """
    allowed = allowed_cores()
    if allowed is None:
        return [None]
    runs = [allowed[:n] for n in wanted if n <= len(allowed)]
    if not runs:
        sys.exit(f"--cores {wanted}: only {len(allowed)} cores can be used here")
    return runs


def pin(cores: list[int] | None) -> None:
    """Keep this process on these cores, and JAX on the CPU with a device a core."""
    if cores:
        os.sched_setaffinity(0, cores)
    import jax

    jax.config.update("jax_platforms", "cpu")
    if cores and len(cores) > 1:  # one device a core, for the road that splits a batch
        jax.config.update("jax_num_cpu_devices", len(cores))


@contextmanager
def fresh_process(cores: list[int] | None):
    """An executor with one new process, pinned before anything else is imported:
    thread pools take their size when they start."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=spawn, initializer=pin, initargs=(cores,)
    ) as pool:
        yield pool


def name_of(cores) -> str:
    if cores is None:
        return "all cores, not pinned"
    return f"{len(cores)} core{'s' if len(cores) > 1 else ''}"


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


def today() -> str:
    return datetime.date.today().isoformat()


def load() -> float | None:
    """Processes that wanted a core over the last minute, on average."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def quiet_or_not(load) -> str:
    if load is None:
        return "load unknown"
    label = "measured on a loaded machine" if load > 0.3 else "quiet machine"
    return f"load average {load} before the run: {label}"


def peak_memory(run) -> int:
    """Bytes by which this process grew, at its highest, while `run` ran.

    Linux keeps the highest size of a process and lets it be set back to the present
    one. Elsewhere it can only be read, and then what came before `run` (compiling, say)
    hides as much as it needed.
    """
    status = pathlib.Path("/proc/self/status")
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # see `man 5 proc`
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit

    def read(name):
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines[name].split()[0]) * 1024

    before = read("VmRSS")
    run()
    return read("VmHWM") - before


def say(what: str) -> None:
    """Progress, apart from the table on standard output."""
    print(what, file=sys.stderr, flush=True)
