"""The contestants. Each is one class that does its work in its library's own way.

name: what the table says. kinds: "train" and "forward", or "forward" alone. Of the
`Work` of the headline, `CLASSES`: after `__init__(work, params, tokens, targets)` with
NumPy arrays:

    forward()    tokens to loss, no gradients; returns when it is done
    train()      forward, backward, update; returns when it is done
    answers()    {"logits": (batch, T, n_y), "loss": a number, "gradient": a ModelParams
                 in the layout of `companion`} at the current weights
    weights()    the current weights, in the same layout

Of a `LayerWork`, `LAYERS`: after `__init__(work, params, xs, d_outputs)`:

    forward()    inputs to outputs
    train()      outputs, and the gradients of all weights
    answers()    {"outputs" of train and of "forward": (T, batch, width), "gradient"}
    does(work)   whether the library has this layer at all
"""

import functools
import importlib
import importlib.metadata
import importlib.util

__all__ = ["CLASSES", "LAYERS", "LONG", "installed", "missing", "versions"]

# name on the command line -> (module that must be installed, module here, class)
CLASSES = {
    "plain": ("companion", "ours", "PlainScan"),
    "fast": ("companion", "ours", "FastRoad"),
    "split": ("companion", "ours", "FastRoadSplit"),
    "flax": ("flax", "flax_nnx", "FlaxNnx"),
    "equinox": ("equinox", "equinox_scan", "EquinoxScan"),
    "keras": ("keras", "keras_jax", "KerasJax"),
    "torch": ("torch", "pytorch", "PyTorch"),
    "onnx": ("onnxruntime", "onnx_runtime", "OnnxRuntime"),
}
LAYERS = {
    "plain": ("companion", "ours", "PlainLayer"),
    "fast": ("companion", "ours", "FastLayer"),
    "flax": ("flax", "flax_nnx", "FlaxLayer"),
    "equinox": ("equinox", "equinox_scan", "EquinoxLayer"),
    "keras": ("keras", "keras_jax", "KerasLayer"),
    "torch": ("torch", "pytorch", "PyTorchLayer"),
    "onnx": ("onnxruntime", "onnx_runtime", "OnnxRuntimeLayer"),
}
# long sequences: who keeps everything for the backward pass, and who computes it again
LONG = {
    "plain": LAYERS["plain"],
    "plain-checkpoint": ("companion", "ours", "PlainLayerCheckpoint"),
    "fast": LAYERS["fast"],
    "fast-checkpoint": ("companion", "ours", "FastLayerCheckpoint"),
    "torch": LAYERS["torch"],
}


@functools.cache
def load(needs, module, kind):
    """The class, or why there is none: a sentence without its end."""
    if importlib.util.find_spec(needs) is None:
        return f"{needs} is not installed"
    try:
        return getattr(importlib.import_module(f"benchmarks.peers.{module}"), kind)
    except ImportError as error:  # a package it needs, or a library of the system
        return f"{needs} cannot be imported: {error}"


def installed(names=CLASSES, registry=CLASSES) -> dict[str, type]:
    """The contestants among these whose library can be imported here."""
    found = {name: load(*registry[name]) for name in names}
    return {name: kind for name, kind in found.items() if not isinstance(kind, str)}


def missing(names=CLASSES, registry=CLASSES) -> dict[str, str]:
    """The others, and why each is left out."""
    found = {name: load(*registry[name]) for name in names}
    return {name: why for name, why in found.items() if isinstance(why, str)}


def versions(names) -> dict[str, str]:
    """The versions of JAX and of these contestants' libraries, by library."""
    libraries = dict.fromkeys((CLASSES | LONG)[name][0] for name in names)
    libraries.pop("companion", None)
    return {name: importlib.metadata.version(name) for name in ("jax", *libraries)}
