"""Mark finished notebooks: a table of the exercises passed.

    python tools/mark.py [--run] [--seconds N] [--csv FILE] NOTEBOOK_OR_FOLDER ...

Without --run nobody's code is run: the table repeats what the checks said when the
learner last saved the notebook. With --run the checks are done again, now, and that
RUNS THE LEARNERS' CODE ON THIS MACHINE, with your rights and your files. Each notebook
gets a process of its own and each exercise a time limit, which guards against a slip
and not against malice: mark strangers' work in a container.

Only what an exercise needs is run: the function asked for, and the imports, functions
and values it uses, wherever in the notebook they stand.
"""

import argparse
import csv
import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
from asked import CHECK, Asked, asked_in, exercises
from nbformat import NotebookNode
from needed import needed_for, plain

__all__ = ["Mark", "course", "mark", "read", "table"]

COURSE = Path(__file__).resolve().parent.parent
SECONDS = 20.0
START = 120.0  # seconds a process gets to import what it needs
SAID = re.compile(r"[○✓✗] .*?: (TODO|PASS|FAIL)\. ?(.*)", re.DOTALL)
PASSED, UNTRIED, UNKNOWN = "passed", "not tried", "no verdict saved"


@dataclass(frozen=True)
class Mark:
    """What became of one exercise; `verdict` is "passed", "not tried" or a finding."""

    file: str
    exercise: str
    title: str
    verdict: str


def course() -> dict[str, list[Asked]]:
    """The exercises of each notebook of the course, by the notebook's stem."""
    return {
        path.stem: list(asked_in(nbformat.read(path, as_version=4)))
        for path in sorted((COURSE / "notebooks").glob("*.ipynb"))
    }


def asked_of(
    notebook: NotebookNode, stem: str, whole: dict[str, list[Asked]]
) -> list[Asked]:
    """The exercises a learner's notebook should hold; empty if it is not the course's.

    It is the notebook of the course with which it shares most checks and functions,
    or else the one its file name begins like.
    """
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    shared = {
        name: sum(
            f"exercises.{one.name}(" in text
            or bool(re.search(rf"^def {one.function}\(", text, re.MULTILINE))
            for one in ones
        )
        for name, ones in whole.items()
    }
    best = max(shared, key=lambda name: (shared[name], stem.startswith(name[:2])))
    if shared[best]:
        return whole[best]
    return next((ones for name, ones in whole.items() if stem.startswith(name)), [])


def read(notebook: NotebookNode, one: Asked) -> str:
    """The verdict that stands in a notebook as it was saved."""
    for cell in notebook.cells:
        match = cell.cell_type == "code" and CHECK.search(cell.source)
        if not match or f"{match[1]}.{match[2]}" != one.name:
            continue
        for output in cell.outputs:
            said = SAID.match(output.get("data", {}).get("text/plain", ""))
            if said:
                return _verdict(one.name, said[1], said[2])
    return UNKNOWN


def _verdict(name: str, status: str, message: str) -> str:
    if status == "PASS":
        return PASSED
    if status == "TODO":
        return UNTRIED
    first = message.split("\n")[0]
    for mistake in exercises()[name].mistakes:
        if first == mistake.message:
            return f"mistake: {mistake.name}"
    return f"wrong: {first}"


def again(notebook: NotebookNode, one: Asked) -> str:
    """Do the check again. RUNS THE LEARNER'S CODE: call it in a process of its own."""
    sources, broken = [], ""
    last = len(notebook.cells)
    seen = False
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and (match := CHECK.search(cell.source)):
            if seen:  # what follows belongs to the next exercise
                last = index
                break
            seen = f"{match[1]}.{match[2]}" == one.name
    for cell in notebook.cells[:last]:
        if cell.cell_type != "code":
            continue
        try:
            compile(plain(cell.source), "cell", "exec")
        except (SyntaxError, ValueError) as error:
            if re.search(rf"\bdef\s+{one.function}\b", cell.source):
                broken = f"broken: {type(error).__name__}: {error}"
            continue
        if re.search(rf"^def {one.function}\b", cell.source, re.MULTILINE):
            broken = ""
        sources.append(cell.source)
    if broken:
        return broken
    code = needed_for([*sources, one.function])
    names: dict[str, object] = {"__name__": "__main__"}
    try:
        exec(_with_source(code, one.name), names)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        if isinstance(error, NameError) and error.name == one.function:
            return UNTRIED  # nothing of that name is there
        return f"broken: {type(error).__name__}: {error}"
    result = exercises()[one.name](names["_shown"])
    return _verdict(one.name, result.status, result.message)


def _with_source(code: str, name: str):
    """Compiled code whose lines can be looked up, as the check does."""
    import linecache

    file = f"<{name}>"
    linecache.cache[file] = (len(code), None, code.splitlines(True), file)
    return compile(code, file, "exec")


class _Worker:
    """A process that does the checks of one notebook and says each verdict at once."""

    def __init__(self, path: Path):
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            cwd=path.parent,
            env={**os.environ, "JAX_PLATFORMS": "cpu", "TQDM_DISABLE": "1"},
        )
        self._lines: queue.Queue = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.ready = self._next(START) == "ready"

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def _next(self, seconds: float) -> str | None:
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return f"no answer after {seconds:g} seconds"

    def ask(self, name: str, seconds: float) -> str | None:
        """The verdict on one exercise; None if the process died over it."""
        try:
            self._process.stdin.write(name + "\n")
            self._process.stdin.flush()
        except OSError:
            return None
        return self._next(seconds)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def _serve(path: Path) -> int:
    """The worker's side: names of exercises come in, verdicts go out."""
    # verdicts leave by a descriptor of their own: the learner's code may print
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        os.dup2(os.open(os.devnull, flags), descriptor)
    notebook = nbformat.read(path, as_version=4)
    ones = {one.name: one for asked in course().values() for one in asked}
    print(json.dumps("ready"), file=out, flush=True)
    for line in orders:
        try:
            verdict = again(notebook, ones[line.strip()])
        except Exception as error:
            verdict = f"broken: {type(error).__name__}: {error}"
        print(json.dumps(" ".join(verdict.split())), file=out, flush=True)
    return 0


def mark(
    path: Path,
    whole: dict[str, list[Asked]],
    *,
    run: bool = False,
    seconds: float = SECONDS,
    name: str | None = None,
) -> list[Mark]:
    """The marks of one notebook. With `run`, its code is run on this machine.

    Args:
        path: a learner's notebook.
        whole: the exercises of the course, as `course` returns them.
        seconds: time limit of one exercise.
        name: what the file is called in the marks.
    """
    name = name or path.name
    try:
        notebook = nbformat.read(path, as_version=4)
        asked = asked_of(notebook, path.stem, whole)
    except Exception as error:  # whatever is in there instead of a notebook
        said = f"cannot be read: {type(error).__name__}"
        return [Mark(name, "", "the file", said)]
    if not asked:
        return [Mark(name, "", "the file", "holds no exercise of the course")]
    marks, worker = [], None
    titles = exercises()
    for one in asked:
        if not run:
            verdict = read(notebook, one)
        else:
            worker = worker or _Worker(path.resolve())
            verdict = worker.ask(one.name, seconds) if worker.ready else None
            if verdict is None or verdict.startswith("no answer"):
                worker.close()
                worker = None  # the next exercise gets a new one
            verdict = verdict or "crashed"
        marks.append(Mark(name, one.name, titles[one.name].title, verdict))
    if worker:
        worker.close()
    return marks


def table(marks: Sequence[Mark]) -> str:
    """The marks to read: a block for each file, then how many passed each exercise."""
    lines, files = [], list(dict.fromkeys(each.file for each in marks))
    width = max((len(each.title) for each in marks), default=0)
    for file in files:
        own = [each for each in marks if each.file == file]
        passed = sum(each.verdict == PASSED for each in own)
        lines.append(f"{file}: {passed} of {len(own)} passed")
        lines += [f"  {each.title:{width}}  {each.verdict}" for each in own]
    if len(files) > 1:
        lines.append(f"all {len(files)} files")
        for name in dict.fromkeys(each.exercise for each in marks if each.exercise):
            own = [each for each in marks if each.exercise == name]
            passed = sum(each.verdict == PASSED for each in own)
            lines.append(f"  {own[0].title:{width}}  {passed} of {len(own)} passed")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="NOTEBOOK_OR_FOLDER")
    parser.add_argument("--run", action="store_true", help="run the learners' code")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="per exercise")
    parser.add_argument("--csv", type=Path, help="write the marks to this file too")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        return _serve(options.paths[0])
    found = {}
    for path in options.paths:
        inside = sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
        for each in inside:
            if ".ipynb_checkpoints" not in each.parts:
                found[each] = (
                    str(each.relative_to(path)) if path.is_dir() else each.name
                )
    missing = [str(path) for path in found if not path.is_file()]
    if missing or not found:
        said = f"there is no {missing[0]}" if missing else "no notebooks there"
        print(said, file=sys.stderr)
        return 2
    if options.run:
        print(f"Running the code of {len(found)} notebooks on this machine, as you.\n")
    else:
        print("As the notebooks were saved; --run runs their code and checks again.\n")
    whole, marks = course(), []
    for path, name in found.items():
        marks += mark(path, whole, run=options.run, seconds=options.seconds, name=name)
    print(table(marks))
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["file", "exercise", "title", "verdict"])
            writer.writeheader()
            writer.writerows(asdict(each) for each in marks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
