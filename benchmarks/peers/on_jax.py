"""What all contestants on JAX share: one jitted loss, one jitted training step."""

import jax
import jax.numpy as jnp
import numpy as np

from companion.losses import cross_entropy

__all__ = ["OnJax"]


class OnJax:
    """A library on JAX is three functions between its own weights and ours.

    pack(params) -> weights, a pytree; unpack(weights) -> params;
    apply(weights, tokens) -> logits (batch, T, n_y). `pack` only moves numbers around,
    so `unpack` serves for gradients too.
    """

    kinds = ("train", "forward")

    def __init__(self, work, params, tokens, targets):
        self.work = work
        self.batch = jnp.asarray(tokens), jnp.asarray(targets)
        self.values = jax.tree.map(jnp.asarray, self.pack(params))

        def loss(weights, tokens, targets):
            logits = self.apply(weights, tokens)
            return cross_entropy(logits, targets), logits

        differentiate = jax.value_and_grad(loss, has_aux=True)

        def step(weights, tokens, targets):
            (value, _), gradients = differentiate(weights, tokens, targets)
            rate = work.learning_rate
            new = jax.tree.map(lambda w, g: w - rate * g, weights, gradients)
            return value, new

        self.jitted_answers = jax.jit(differentiate)
        self.jitted_loss = jax.jit(lambda *given: loss(*given)[0])
        self.jitted_step = jax.jit(step)

    def pack(self, params):
        raise NotImplementedError

    def unpack(self, weights):
        raise NotImplementedError

    def apply(self, weights, tokens):
        raise NotImplementedError

    def answers(self):
        (value, logits), gradients = self.jitted_answers(self.values, *self.batch)
        gradients = jax.tree.map(np.asarray, self.unpack(gradients))
        return {"logits": logits, "loss": value, "gradient": gradients}

    def weights(self):
        return jax.tree.map(np.asarray, self.unpack(self.values))

    def forward(self):
        return jax.block_until_ready(self.jitted_loss(self.values, *self.batch))

    def train(self):
        value, self.values = jax.block_until_ready(
            self.jitted_step(self.values, *self.batch)
        )
        return value
