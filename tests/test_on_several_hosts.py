"""The program of README's section on several hosts: two processes train as one does."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def program() -> str:
    """README's train.py, for a few steps."""
    section = README.read_text(encoding="utf-8").split("## On several hosts")[1]
    source = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    assert source.count("steps=300") == 1
    return source.replace("steps=300", "steps=6")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def test_two_processes_train_as_one_does(tmp_path):
    path, said = tmp_path / "train.py", {}
    path.write_text(program(), encoding="utf-8")
    given = os.environ | {"JAX_PLATFORMS": "cpu", "TQDM_DISABLE": "1"}
    for hosts, devices in ((1, 1), (2, 2)):
        flags = f"--xla_force_host_platform_device_count={devices}"
        address = f"localhost:{free_port()}"
        started = [
            subprocess.Popen(
                [sys.executable, path, address, str(hosts), str(number)],
                env=given | {"XLA_FLAGS": flags},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(hosts)
        ]
        try:
            answers = [host.communicate(timeout=240) for host in started]
        finally:
            for host in started:
                host.kill()
        assert all(host.returncode == 0 for host in started), answers
        said[hosts] = re.search(r"(\d+) devices, last loss ([\d.]+)", answers[0][0])
        assert all("devices" not in out for out, _ in answers[1:])  # the first speaks
    assert [said[hosts][1] for hosts in (1, 2)] == ["1", "4"]
    alone, together = (float(said[hosts][2]) for hosts in (1, 2))
    assert abs(alone - together) < 2e-4 and alone > 0  # four decimals are printed
