"""Run notebooks as a reader meets them on Colab: each alone in an empty folder.

    python tools/bare_notebooks.py [--pins FILE] [NOTEBOOK ...]

The course must be installed like any package, not from this folder. Every notebook is
run by nbval, which compares all it prints with what is committed. --pins first checks
that the packages in FILE (lines "name==version") are there in exactly these versions.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["pins", "run_alone", "unlike"]

COURSE = Path(__file__).resolve().parent.parent
CELL_TIMEOUT = 600  # seconds; a busy machine is not a failure


def pins(text: str) -> dict[str, str]:
    """Versions by name, from the lines of a requirements file.

    Raises:
        ValueError: a line is not "name==version".
    """
    found = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, equal, version = line.partition("==")
            if not (name and equal and version):
                raise ValueError(f"not a plain name==version: {line!r}")
            found[name] = version
    return found


def unlike(wanted: dict[str, str]) -> list[str]:
    """The packages that are not installed in the wanted version, a line each."""
    found = []
    for name, version in wanted.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "nothing"
        if installed.split("+")[0] != version:
            found.append(f"{name} should be {version}, there is {installed}")
    return found


def run_alone(path: Path) -> subprocess.CompletedProcess:
    """Run one notebook with strict nbval in a folder that holds nothing else."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(path, folder)
        command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
        command += [f"--nbval-cell-timeout={CELL_TIMEOUT}", "--quiet", "--no-header"]
        command += ["-c", os.devnull, "--rootdir", str(folder)]
        command += ["-p", "no:cacheprovider", path.name]
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        return subprocess.run(
            command,
            cwd=folder,
            env={**kept, "JAX_PLATFORMS": "cpu", "TQDM_DISABLE": "1"},
            capture_output=True,
            text=True,
        )


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--pins", type=Path, help="versions that must be there")
    options = parser.parse_args(arguments)
    wrong = unlike(pins(options.pins.read_text())) if options.pins else []
    spec = importlib.util.find_spec("companion")
    if spec is None:
        wrong.append("the course is not installed here")
    elif COURSE in Path(spec.origin).parents and "site-packages" not in spec.origin:
        wrong.append(f"the course must be installed as a copy, not from {spec.origin}")
    paths = options.notebooks or sorted((COURSE / "notebooks").glob("*.ipynb"))
    wrong += [f"there is no {path}" for path in paths if not path.is_file()]
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        return 2
    failed = False
    for path in paths:
        start = time.monotonic()
        done = run_alone(path)
        if done.returncode:
            said = re.sub(r"\x1b\[[0-9;]*m", "", f"{done.stdout}\n{done.stderr}")
            print(said, file=sys.stderr)
            failed = True
        result = "FAILED" if done.returncode else "as committed"
        print(f"{path.name}: {result}, {time.monotonic() - start:.0f} s", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
