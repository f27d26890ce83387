"""Compiled programs: kept on disk for the second time, and made with less care."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

__all__ = ["keep", "trimmed"]


def keep(environ: MutableMapping[str, str], folder: Path) -> None:
    """Tell JAX, in this process or in kernels it starts, to keep even small programs.

    Most of a notebook's time, and of the tests', is compiling. What the reader has set
    in the environment stays as it is.
    """
    environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
    environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def trimmed(environ: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment to compile in less processor time.

    A lower level of optimisation, as `companion.training.fit` asks for itself, and no
    threads for the parts of one program: a tenth of a notebook's time where two run
    side by side. These programs are kept apart from those of `environ`, which `keep`
    has seen. Nothing is added where the reader has set flags.
    """
    if "XLA_FLAGS" in environ:
        return {}
    kept = Path(environ["JAX_COMPILATION_CACHE_DIR"], "trimmed")
    return {
        "XLA_FLAGS": "--xla_backend_optimization_level=1 "
        "--xla_cpu_parallel_codegen_split_count=1",
        "JAX_COMPILATION_CACHE_DIR": str(kept),
    }
