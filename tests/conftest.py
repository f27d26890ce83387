"""What every test runs under: the CPU, checked shapes, repeatable random draws."""

import os
import sys
from pathlib import Path

import compiled

# A laptop and a cloud machine must agree; the package itself never chooses a device.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
compiled.keep(os.environ, Path(sys.prefix))  # a second run takes a quarter

from jaxtyping import install_import_hook  # noqa: E402

# Before any test imports companion: from here on every annotated shape in a
# signature is checked on each call.
install_import_hook("companion", "beartype.beartype")

import hypothesis  # noqa: E402
import jax  # noqa: E402
import jaxtyping  # noqa: E402
import pytest  # noqa: E402

# The tests are thousands of small programs, and nearly all of their time is compiling.
# So XLA leaves out what makes long runs fast: half the time. Only in this process: what
# a test starts compiles as for readers; notebooks do nearly so (test_notebooks.py).
if "XLA_FLAGS" not in os.environ and jax.__version_info__ < (0, 11):
    os.environ["XLA_FLAGS"] = (
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
        "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    )
    kept = Path(os.environ["JAX_COMPILATION_CACHE_DIR"], "quickly")  # by other flags
    jax.config.update("jax_compilation_cache_dir", str(kept))
    jax.jit(lambda x: x + 1)(1)  # XLA reads its flags now, and only once
    del os.environ["XLA_FLAGS"]

hypothesis.settings.register_profile(
    "unrolled", deadline=None, max_examples=25, derandomize=True
)
hypothesis.settings.load_profile("unrolled")


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks after us
def pytest_collection_modifyitems(items):
    """One process takes a whole file, but each notebook goes by itself."""
    for item in items:
        together = item.path.name
        if together == "test_notebooks.py" and hasattr(item, "callspec"):
            together = Path(item.callspec.params.get("path", together)).name
        item.add_marker(pytest.mark.xdist_group(together))


@pytest.fixture
def x64():
    """Run the test in double precision."""
    if hasattr(jax, "enable_x64"):
        context = jax.enable_x64(True)
    else:  # JAX before 0.8
        from jax.experimental import enable_x64

        context = enable_x64()
    with context:
        yield


@pytest.fixture
def as_readers_run_it():
    """Without the shape checks of the tests: errors are then the package's own."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True, scope="module")
def leave_the_environment_as_it_was():
    """What one file leaves behind changes those that another day run after it."""
    of_keras = {"KERAS_BACKEND", "TF_FORCE_GPU_ALLOW_GROWTH"}  # its first import's
    before = {**os.environ}
    yield
    changed = {name for name, _ in before.items() ^ {**os.environ}.items()}
    assert not changed - of_keras - {"PYTEST_CURRENT_TEST"}


@pytest.fixture(autouse=True, scope="module")
def forget_compiled_functions():
    """Hundreds of compiled functions in one process use up its memory maps."""
    yield
    jax.clear_caches()
