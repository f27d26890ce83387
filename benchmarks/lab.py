"""A JupyterLab for a benchmark: started for one notebook, ended with its kernel."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

__all__ = ["START", "notebook_in_lab"]

NAME = "benchmark.ipynb"
START = 120  # seconds for a server, a kernel, the first picture


@contextmanager
def notebook_in_lab(home: pathlib.Path, source: str):
    """The address of a notebook with one cell, in a JupyterLab of its own.

    home: an empty folder for the notebook, the settings and the log.
    """
    served = home / "served"
    served.mkdir()
    notebook = new_notebook(
        cells=[new_code_cell(source)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, served / NAME)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.root_dir={served}", "--IdentityProvider.token="]
    command += [f"--LabApp.user_settings_dir={home / 'settings'}"]
    command += [f"--LabApp.workspaces_dir={home / 'workspaces'}"]
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }
    log = home / "lab.log"
    with log.open("w") as written:
        server = subprocess.Popen(
            command,
            env=environment,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START
        while not answers(f"{address}/api"):
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
        yield f"{address}/lab/tree/{NAME}?reset"
    finally:
        # the kernel is a child in the same session: end them together
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(10)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
