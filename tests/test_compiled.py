"""What XLA compiled once is read from disk the second time."""

import os
import subprocess
import sys
from pathlib import Path

import compiled

ONCE = "import jax; print(jax.jit(lambda x: x * 2 + 1)(jax.numpy.arange(7.0)).sum())"


def test_a_second_process_finds_what_the_first_compiled(tmp_path):
    environ = {k: v for k, v in os.environ.items() if "CACHE" not in k}
    compiled.keep(environ, tmp_path)
    seen = []
    for _ in range(2):
        line = [sys.executable, "-W", "error", "-c", ONCE]
        run = subprocess.run(line, env=environ, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert float(run.stdout) == 49
        seen.append(sorted(path.name for path in (tmp_path / "compiled").iterdir()))
    assert seen[0], "nothing was kept"
    assert seen[0] == seen[1], "the second process compiled something again"


def test_the_readers_own_settings_stay(tmp_path):
    environ = {"JAX_COMPILATION_CACHE_DIR": "mine"}
    compiled.keep(environ, tmp_path)
    assert environ["JAX_COMPILATION_CACHE_DIR"] == "mine"
    assert not (tmp_path / "mine").exists()


def test_trimmed_programs_are_kept_apart_and_the_flags_of_the_reader_stay(tmp_path):
    environ = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    added = compiled.trimmed(environ)
    assert Path(added["JAX_COMPILATION_CACHE_DIR"]).parent == tmp_path
    both = {**os.environ, **added, "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", ONCE], env=both, capture_output=True)
    assert run.returncode == 0, run.stderr  # XLA stops at a flag it does not know
    assert not compiled.trimmed({**environ, "XLA_FLAGS": "--xla_of_the_reader"})
