"""The contestants. Each is one class that does the `Work` in its library's own way.

name: what the table says. module: what must be installed. After `__init__(work, params,
tokens, targets)` with NumPy arrays:

    forward()    tokens to loss, no gradients; returns when it is done
    train()      forward, backward, update; returns when it is done
    answers()    {"logits": (batch, T, n_y), "loss": a number, "gradient": a ModelParams
                 in the layout of `companion`} at the current weights
    weights()    the current weights, in the same layout
"""

import importlib
import importlib.metadata
import importlib.util

__all__ = ["CLASSES", "installed", "version"]

# name on the command line -> (module that must be installed, module here, class)
CLASSES = {
    "plain": ("companion", "ours", "PlainScan"),
    "fast": ("companion", "ours", "FastRoad"),
    "split": ("companion", "ours", "FastRoadSplit"),
    "flax": ("flax", "flax_nnx", "FlaxNnx"),
    "equinox": ("equinox", "equinox_scan", "EquinoxScan"),
    "keras": ("keras", "keras_jax", "KerasJax"),
    "torch": ("torch", "pytorch", "PyTorch"),
}


def installed(names=CLASSES) -> dict[str, type]:
    """The contestants among these whose library can be imported here."""
    found = {}
    for name in names:
        needs, module, kind = CLASSES[name]
        if importlib.util.find_spec(needs) is not None:
            module = importlib.import_module(f"benchmarks.peers.{module}")
            found[name] = getattr(module, kind)
    return found


def version(name: str) -> str | None:
    """The version of a contestant's library; None for the course's own roads."""
    needs = CLASSES[name][0]
    return None if needs == "companion" else importlib.metadata.version(needs)
