"""The two roads through `companion.unroll`, and the fast one on several devices.

All three take token ids as they are: W x is a column of W, the equation of a one-hot x.
"""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks.layer import LayerOnJax
from benchmarks.peers.on_jax import OnJax
from companion.layers import apply

__all__ = [
    "FastLayer",
    "FastLayerCheckpoint",
    "FastRoad",
    "FastRoadSplit",
    "PlainLayer",
    "PlainLayerCheckpoint",
    "PlainScan",
]


class PlainScan(OnJax):
    """`step` in a scan, differentiated by JAX."""

    name = "plain scan, autodiff"
    fast = False

    def pack(self, params):
        return params

    def unpack(self, weights):
        return weights

    def apply(self, weights, tokens):
        return self.work.model.logits(weights, tokens, fast=self.fast)


class FastRoad(PlainScan):
    """The hand-written backward pass of `companion.bptt`."""

    name = "fast road"
    fast = True


class FastRoadSplit(FastRoad):
    """The fast road with the batch split over all of JAX's devices (here: cores)."""

    name = "fast road, batch split over the cores"

    def __init__(self, work, params, tokens, targets):
        super().__init__(work, params, tokens, targets)
        mesh = Mesh(np.array(jax.devices()), ("batch",))
        rows = NamedSharding(mesh, PartitionSpec("batch"))
        everywhere = NamedSharding(mesh, PartitionSpec())
        self.batch = jax.device_put(self.batch, rows)
        self.values = jax.device_put(self.values, everywhere)


class PlainLayer(LayerOnJax):
    name = PlainScan.name
    fast = False
    checkpoint = False

    def pack(self, params):
        return params

    def unpack(self, gradients):
        return gradients

    def apply(self, weights, xs):
        options = {"fast": self.fast, "checkpoint": self.checkpoint}
        return apply(self.work.layer, weights, xs, **options).outputs


class FastLayer(PlainLayer):
    name = FastRoad.name
    fast = True


class PlainLayerCheckpoint(PlainLayer):
    """`jax.checkpoint` around the step: the backward pass computes it again."""

    name = "plain scan, checkpoint"
    checkpoint = True


class FastLayerCheckpoint(FastLayer):
    """The fast road that keeps the states only."""

    name = "fast road, checkpoint"
    checkpoint = True
