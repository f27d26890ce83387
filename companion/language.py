"""Language models: how likely a text is, and what comes next.

model = LanguageModel(LSTM(128), size=len(vocabulary))
params = model.init(key)
ids, lengths, mask = pad([vocabulary.encode(s, eos=True) for s in sentences])
model.log_prob(params, ids, lengths)                # (batch,), in nats
model.surprise(params, ids, lengths)                # (batch, T), nats per token
sampling.sample(model, params, key, prompt)         # what the model writes
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from companion import losses, validate
from companion.feedback import Carried, OneToMany, at_rest, checked_ids
from companion.models import ManyToMany, ModelParams
from companion.text import SPECIAL, Vocabulary

__all__ = ["LanguageModel"]


@dataclass(frozen=True)
class LanguageModel:
    """P(y<1>, ..., y<T>) = product over t of P(y<t> | y<1>, ..., y<t-1>).

    layer: a cell or a `Stacked` tower of cells. size: |V|, special tokens included.
    inner: given by name; with it the readout is the `DeepReadout` of these sizes.
    x<1> is EOS, the end of whatever was before, and x<t> = y<t-1>: the layer never
    reads the token that it is asked for. A text's probability includes that of its end
    if its last id is EOS (`Vocabulary.encode` with eos=True).

    Every method takes ids (*batch, T), the y<t>, and lengths (*batch), how many of
    each are real: None for all; what stands past them cannot matter. A long text is
    read in windows: `read` gives the `Carried` after a window, and handed in as
    `state` with the next one it stands for all that was read before.

    The options of `layers.apply` (key, and those of `unroll`) may follow. Raises
    ValueError or TypeError naming the argument that does not fit.
    """

    layer: Any
    size: int
    inner: Sequence[int] = field(default=(), kw_only=True)

    def __post_init__(self):
        if validate.positive_int("size", self.size) <= len(SPECIAL):
            raise ValueError(
                f"size must be more than the {len(SPECIAL)} special tokens, "
                f"got {self.size}"
            )
        # refuses a layer that does not read left to right
        object.__setattr__(self, "inner", self.wiring.inner)

    @property
    def wiring(self) -> OneToMany:
        return OneToMany(self.layer, self.size, inner=self.inner)

    @property
    def n_y(self) -> int:
        return self.size

    def init(self, key: Array, dtype=None) -> ModelParams:
        """Fresh parameters; the layer reads ids 0..size-1."""
        model = ManyToMany(self.layer, self.size, inner=self.inner)
        return model.init(key, self.size, dtype)

    def logits(
        self, params: ModelParams, ids, lengths=None, state=None, **options
    ) -> Float[Array, "*batch T size"]:
        """Of every token, given the tokens before it."""
        return self.read(params, ids, lengths, state, **options)[0]

    def read(
        self, params: ModelParams, ids, lengths=None, state=None, **options
    ) -> tuple[Float[Array, "*batch T size"], Carried]:
        """The logits of a window, and the state in which it leaves the model.

        With windows (batch, T + 1) whose first token is the last of the window before:

            state = model.start(params, batch, before=windows[0][:, 0])
            logits, state = model.read(params, window[:, 1:], state=state)
        """
        ids, _ = checked_ids("ids", ids, self.size, lengths)
        state = self.start(params, ids.shape[:-1]) if state is None else state
        validate.instance("state", state, Carried)
        validate.as_input("state.x", state.x, "integers")
        if state.x.shape != ids.shape[:-1]:
            raise ValueError(
                f"state is that of a batch {state.x.shape}, but ids has shape "
                f"{ids.shape}"
            )
        return self.wiring.read(params, ids, state, lengths, **options)

    def surprise(
        self, params: ModelParams, ids, lengths=None, state=None, **options
    ) -> Float[Array, "*batch T"]:
        """-log P(y<t> | what was before) of each token, in nats; 0 past the lengths."""
        ids, mask = checked_ids("ids", ids, self.size, lengths)
        logits = self.logits(params, ids, lengths, state, **options)
        nats = losses.token_losses(logits, ids)
        return nats if mask is None else jnp.where(mask, nats, 0)

    def log_prob(
        self, params: ModelParams, ids, lengths=None, state=None, **options
    ) -> Float[Array, "*batch"]:
        """log P(y<1>, ..., y<T>) of each text, in nats: a sum of T logarithms."""
        return -self.surprise(params, ids, lengths, state, **options).sum(axis=-1)

    def perplexity(
        self, params: ModelParams, ids, lengths=None, state=None, **options
    ) -> Float[Array, ""]:
        """exp of the mean surprise over all real tokens."""
        ids, mask = checked_ids("ids", ids, self.size, lengths)
        logits = self.logits(params, ids, lengths, state, **options)
        return losses.perplexity(losses.cross_entropy(logits, ids, mask))

    def bits_per_character(
        self, params: ModelParams, ids, characters: Integral, lengths=None, state=None
    ) -> Float[Array, ""]:
        """The surprise of all real tokens together, in bits, over the characters.

        characters: how many the tokens came from, spaces included, so that models of
        words and of characters are measured on one scale.
        """
        nats = self.surprise(params, ids, lengths, state).sum()
        return losses.bits_per_character(nats, int(characters))

    def start(self, params: ModelParams, batch=(), before=Vocabulary.eos) -> Carried:
        """Before the first token of a text; or in the middle of one that was not read,
        right after the ids `before`, one for all or (*batch,).
        """
        validate.instance("params", params, ModelParams)
        batch = validate.batch_axes(batch)
        before = validate.as_input("before", before, "integers")
        validate.tokens_in_range("before", before, self.size)
        if before.shape not in ((), batch):
            raise ValueError(f"before has shape {before.shape}, but needs {batch}")
        x = jnp.broadcast_to(before, batch).astype(jnp.int32)
        return Carried(at_rest(self.layer, params.layer, batch), x)

    def begin(self, params: ModelParams, start, batch: tuple = ()) -> Carried:
        """After a prompt: ids (T,), read once for the whole batch, or (*batch, T)."""
        if np.shape(start) == (0,):
            return self.start(params, batch)
        start, _ = checked_ids("start", start, self.size)
        if batch and start.shape[:-1] not in ((), batch):
            raise ValueError(
                f"start has shape {start.shape}, but a batch of {batch} needs one "
                "prompt (T,) for all or one for each"
            )
        T = start.shape[-1]  # filled up, so that few lengths need compiling
        room = [(0, 0)] * (start.ndim - 1) + [(0, 2 ** (T - 1).bit_length() - T)]
        lengths = jnp.full(start.shape[:-1], T)
        carried = self.read(params, jnp.pad(start, room), lengths)[1]
        if not batch or start.ndim > 1:
            return carried
        return jax.tree.map(lambda s: jnp.broadcast_to(s, (*batch, *s.shape)), carried)

    def step(self, params: ModelParams, state, x):
        """The logits (*batch, size) of the next token and the new state, given x."""
        return self.wiring.step(params, state, x)
