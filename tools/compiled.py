"""Programs that XLA has compiled are kept on disk: the second time they are ready."""

from collections.abc import MutableMapping
from pathlib import Path

__all__ = ["keep"]


def keep(environ: MutableMapping[str, str], folder: Path) -> None:
    """Tell JAX, in this process or in kernels it starts, to keep even small programs.

    Most of a notebook's time, and of the tests', is compiling. What the reader has set
    in the environment stays as it is.
    """
    environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
    environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
