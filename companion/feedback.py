"""The types of RNN that read their own outputs: x<t> = y<t-1>.

    OneToMany       x  -> ys    a sequence out of one id
    EncoderDecoder  xs -> ys    read first, then write: T_x and T_y are free

Two ways to run each. Teacher forcing (`logits`) feeds in the true outputs, so all steps
are known at once; it is how they are trained. Free running (`companion.sampling`,
`EncoderDecoder.decode`) feeds back what the model itself has put out.

    model = OneToMany(GRU(64), n_y=len(vocabulary))
    params = model.init(key, n_x=4)                        # four genres
    logits = model.logits(params, genres, melodies)        # (batch, T, n_y)
    ids, lengths = sampling.sample(model, params, key, 2)  # one melody of genre 2
"""

import functools
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from companion import layers, sampling, validate
from companion.models import LAYERS, ModelParams, Wiring, time_first
from companion.unroll import length_mask

__all__ = ["Carried", "EncoderDecoder", "EncoderDecoderParams", "OneToMany"]


class Carried(NamedTuple):
    """Where a model that reads its own outputs stands: ready for its next output.

    state: the layer's, as `last` of `layers.apply`. x: (*batch,), the id it reads next.
    """

    state: Any
    x: Int[Array, "*batch"]


@dataclass(frozen=True)
class OneToMany(Wiring):
    """A sequence out of one id: x<1> is the condition x, x<t> = y<t-1> from then on.

    The layer reads outputs and conditions through one joint vocabulary: ids 0..n_y-1
    are the outputs, and condition x of n_x is id n_y + x. It must read left to right.
    """

    def __post_init__(self):
        super().__post_init__()
        one_way("layer", self.layer)

    def init(self, key: Array, n_x: int, dtype=None) -> ModelParams:
        """Fresh parameters for n_x different conditions."""
        return super().init(key, self.n_y + validate.positive_int("n_x", n_x), dtype)

    def logits(
        self, params: ModelParams, x, ys, **options
    ) -> Float[Array, "*batch T n_y"]:
        """Teacher forcing: the logits of every step, given the true outputs before it.

        x: (*batch,) conditions 0..n_x-1. ys: (*batch, T) ids 0..n_y-1, the targets.
        The last of ys is compared with and never read.
        """
        return self.read(params, ys, self.begin(params, x), **options)[0]

    def begin(self, params: ModelParams, x, batch: tuple = ()) -> Carried:
        """Before the first output. x: (*batch,), or one condition for the batch."""
        validate.instance("params", params, ModelParams)
        x = validate.as_input("x", x, "integers")
        validate.tokens_in_range("x", x, n_inputs(self.layer, params.layer) - self.n_y)
        if batch and x.shape not in ((), batch):
            raise ValueError(
                f"start has shape {x.shape}, but needs () or {batch}: one condition "
                "for all or one for each"
            )
        x = jnp.broadcast_to(x, batch or x.shape).astype(jnp.int32)
        joint = jnp.where(x < 0, -1, x + self.n_y)  # a negative one is no output's id
        return Carried(at_rest(self.layer, params.layer, x.shape), joint)

    def step(self, params: ModelParams, state, x):
        """The logits (*batch, n_y) of the next output and the new state, given x."""
        validate.instance("params", params, ModelParams)
        x = validate.as_input("x", x, "integers")
        run = layers.apply(self.layer, params.layer, x[None], state=state, fast=False)
        return self.readout.logits(params.readout, run.outputs[0]), run.last

    def read(
        self, params: ModelParams, ys, carried: Carried, lengths=None, **options
    ) -> tuple[Float[Array, "*batch T n_y"], Carried]:
        """Teacher forcing from any point on: the logits of ys, and where it then is.

        ys: (*batch, T). lengths: (*batch,), how many of each are real.
        """
        validate.instance("params", params, ModelParams)
        validate.instance("carried", carried, Carried)
        ys, _ = checked_ids("ys", ys, self.n_y, lengths)
        x = validate.as_input("carried.x", carried.x, "integers")
        if ys.shape[:-1] != x.shape:
            raise ValueError(f"ys has shape {ys.shape}, but needs {(*x.shape, 'T')}")
        return forced(self, params, ys, carried, lengths, **options)


@functools.partial(
    jax.jit, static_argnames=("model", "window", "checkpoint", "fast", "parallel")
)
def forced(model, params, ys, carried, lengths, *, key=None, **options):
    """`OneToMany.read`, compiled as one: it is called with many different T."""
    seen = jnp.concatenate([carried.x[..., None], ys], axis=-1)
    run = layers.apply(
        model.layer,
        params.layer,
        jnp.moveaxis(seen[..., :-1], -1, 0),
        state=carried.state,
        lengths=lengths,
        key=key,
        **options,
    )
    logits = model.readout.logits(params.readout, run.outputs)
    if lengths is None:
        x = seen[..., -1]
    else:  # entry 0 of `seen` is what was carried in
        end = jnp.asarray(lengths)[..., None]
        x = jnp.take_along_axis(seen, end, axis=-1)[..., 0]
    return jnp.moveaxis(logits, 0, -2), Carried(run.last, x)


class EncoderDecoderParams(NamedTuple):
    encoder: Any
    decoder: ModelParams


@dataclass(frozen=True)
class EncoderDecoder:
    """Read a sequence, then write another of any length (Sutskever et al. 2014).

    The encoder's last state is the decoder's first, so both layers must hold states of
    the same kind and size. The decoder is a `OneToMany` of one condition, the start.
    """

    encoder: Any
    decoder: Any
    n_y: int

    def __post_init__(self):
        for name in ("encoder", "decoder"):
            validate.instance(name, getattr(self, name), LAYERS)
        handed, wanted = (one_way(n, getattr(self, n)) for n in ("encoder", "decoder"))
        if handed != wanted:
            raise ValueError(
                f"encoder must hand the decoder a state of its kind and size, but "
                f"{self.encoder!r} cannot start {self.decoder!r}"
            )
        validate.positive_int("n_y", self.n_y)

    @property
    def writer(self) -> OneToMany:
        return OneToMany(self.decoder, self.n_y)

    def init(self, key: Array, n_x: int, dtype=None) -> EncoderDecoderParams:
        """Fresh parameters for inputs of n_x features (or n_x different tokens)."""
        reads, writes = jax.random.split(key)
        return EncoderDecoderParams(
            self.encoder.init(reads, n_x, dtype), self.writer.init(writes, 1, dtype)
        )

    def logits(
        self, params: EncoderDecoderParams, xs, ys, lengths=None, *, key=None, **options
    ) -> Float[Array, "batch T_y n_y"]:
        """Teacher forcing: each step's logits, given xs and the true outputs before it.

        xs: (batch, T_x, n_x) or ids (batch, T_x). ys: (batch, T_y) ids 0..n_y-1.
        lengths: (batch,), true lengths of xs.
        """
        reads, writes = (None, None) if key is None else jax.random.split(key)
        begun = self.encoded(params, xs, lengths, key=reads, **options)
        return self.writer.read(params.decoder, ys, begun, key=writes, **options)[0]

    def decode(
        self,
        params: EncoderDecoderParams,
        xs,
        lengths,
        T: Integral,
        *,
        key: Array | None = None,
        temperature: Real | Array | None = None,
    ) -> Int[Array, "batch T"]:
        """Free running: T outputs, each fed back in as the decoder's next input.

        xs, lengths: as in `logits`; lengths may be None. The likeliest output at every
        step, or drawn at this temperature (1 if None) if a key is given.
        """
        if key is None and temperature is not None:
            raise ValueError("temperature needs a key: without one nothing is drawn")
        begun = self.encoded(params, xs, lengths)
        settings = {"stop": None, "most": validate.positive_int("T", T)}
        if temperature is not None:
            settings["temperature"] = temperature
        return sampling.continued(
            self.writer, params.decoder, begun, key=key, **settings
        ).ids

    def encoded(self, params, xs, lengths, **options) -> Carried:
        """The decoder before its first output: it holds what the encoder has read."""
        validate.instance("params", params, EncoderDecoderParams)
        xs = time_first("xs", xs)
        run = layers.apply(self.encoder, params.encoder, xs, lengths=lengths, **options)
        begun = self.writer.begin(params.decoder, 0, (run.outputs.shape[1],))
        state = jax.tree.map(lambda s, to: s.astype(to.dtype), run.last, begun.state)
        return begun._replace(state=state)


def checked_ids(name, ids, size, lengths=None):
    """ids (*batch, T), zero past their lengths, and where they are real (or None)."""
    ids = validate.as_input(name, ids, "integers")
    if ids.ndim == 0 or ids.shape[-1] == 0:
        raise ValueError(
            f"{name} has shape {ids.shape}, but needs (..., T) with T >= 1"
        )
    mask = None
    if lengths is not None:
        T = ids.shape[-1]
        lengths = validate.lengths(lengths, T, ids.shape[:-1])
        mask = jnp.moveaxis(length_mask(lengths, T), 0, -1)
        ids = jnp.where(mask, ids, 0)
    validate.tokens_in_range(name, ids, size)
    return ids.astype(jnp.int32), mask


def one_way(name, layer):
    """What a left-to-right layer carries: its kind and size, one for each cell."""
    if isinstance(layer, layers.Stacked):
        return tuple(one_way(name, inner) for inner in layer.layers)
    if isinstance(layer, layers.Bidirectional | layers.Wrapper):
        raise ValueError(
            f"{name} must read left to right, got {layer!r}: it reads ahead of its "
            "first output, so it cannot generate one"
        )
    return layer.State, layer.n_a


def at_rest(layer, params, batch):
    """The zero state of a left-to-right layer, in the dtype of its parameters."""
    if isinstance(layer, layers.Stacked):
        pairs = zip(layer.layers, floors(layer, params), strict=True)
        return tuple(at_rest(inner, p, batch) for inner, p in pairs)
    return layer.start(batch, jnp.result_type(*jax.tree.leaves(params)))


def n_inputs(layer, params) -> int:
    """How many different ids a left-to-right layer reads."""
    while isinstance(layer, layers.Stacked):
        layer, params = layer.layers[0], floors(layer, params)[0]
    return validate.features(layer, params, "x", jnp.zeros((), int))


def floors(tower, params) -> tuple:
    number = len(tower.layers)
    if not isinstance(params, tuple) or len(params) != number:
        raise ValueError(
            f"params.layer must be a tuple with one entry for each of the {number} "
            "layers"
        )
    return params
