"""Compiled programs: kept on disk for the second time, and made with less care."""

from collections.abc import Mapping, MutableMapping
from importlib.metadata import version
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
    """What to add to the environment to compile in three quarters of the time.

    XLA leaves out what makes long runs fast, and its programs are kept apart from those
    of `environ`, which `keep` has seen. Nothing is added where the reader has set
    flags, nor from JAX 0.11 on, whose XLA does not know them all.
    """
    if "XLA_FLAGS" in environ or tuple(map(int, version("jax").split(".")[:2])) > (
        0,
        10,
    ):
        return {}
    return {
        "XLA_FLAGS": "--xla_llvm_disable_expensive_passes=true "
        "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
        "JAX_COMPILATION_CACHE_DIR": str(
            Path(environ["JAX_COMPILATION_CACHE_DIR"], "trimmed")
        ),
    }
