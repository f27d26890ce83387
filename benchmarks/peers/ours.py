"""The two roads through `companion.unroll`, and the fast one on several devices.

All three take token ids as they are: W x is a column of W, the equation of a one-hot x.
"""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks.peers.on_jax import OnJax

__all__ = ["FastRoad", "FastRoadSplit", "PlainScan"]


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
