"""Open JupyterLab at the start page; without a display, print its address."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import compiled

__all__ = ["has_display", "options"]

COURSE = Path(__file__).resolve().parent.parent
START = "notebooks/00_start_here.ipynb"


def has_display(platform: str, environ: Mapping[str, str]) -> bool:
    """Whether a browser started here would be seen by somebody."""
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return True
    if "SSH_CONNECTION" in environ:
        return False
    return platform in ("darwin", "win32")


def options(*own: str, root: bool, display: bool) -> list[str]:
    """What JupyterLab is started with; the reader's `own` options come last and win."""
    line = [
        # the whole course in the file browser, the start page in front
        f"--ServerApp.root_dir={COURSE}",
        f"--LabApp.default_url=/lab/tree/{START}",
        # the address is logged as critical; everything below an error hides it
        "--ServerApp.log_level=ERROR",
        "--LabApp.log_level=ERROR",
    ]
    if not display:
        line.append("--no-browser")
    if root:
        line.append("--allow-root")
    return [*line, *own]


def main() -> None:
    from jupyterlab.labapp import main as jupyterlab

    root = hasattr(os, "geteuid") and os.geteuid() == 0
    display = has_display(sys.platform, os.environ)
    compiled.keep(os.environ, Path(sys.prefix))
    print("Starting JupyterLab. Ctrl-C, twice, stops it.", flush=True)
    sys.exit(jupyterlab(options(*sys.argv[1:], root=root, display=display)))


if __name__ == "__main__":
    main()
