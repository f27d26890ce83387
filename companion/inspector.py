"""The inside of a trained model: every gate of every cell in it, at every step.

    values = look_inside(model, params, ids)["cell"]      # or ["layer 2 forward"], ...
    values["gamma_u"]                                     # (T, n_a), or (batch, T, n_a)
    labels(model, ids, vocabulary)                        # what each step has read

`companion.inside` does this for one cell. Here the cells are found in the model, each
is given what it reads there, and a backward cell's values stand at the step they
belong to.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from companion import layers, validate
from companion.cells import Cell
from companion.feedback import EncoderDecoder, OneToMany
from companion.frozen import Frozen, cells_in
from companion.inside import KNOWN, inside
from companion.models import OneToOne, Wiring
from companion.text import Vocabulary
from companion.unroll import length_mask, reverse_within

__all__ = ["labels", "look_inside"]

LAYERS = (Cell, layers.Bidirectional, layers.Stacked)


def look_inside(model, params, xs, lengths=None) -> dict[str, dict[str, np.ndarray]]:
    """Every value that the cells of a model compute, by cell and by name.

    model, params: any layer (a cell, `Bidirectional`, `Stacked`) or model.
    xs: what the model takes, batch first: (batch, T, n_x) or ids (batch, T); or one
        sequence without the batch axis, (T, n_x) or ids (T,). `OneToOne`: (batch, n_x)
        or ids (batch,), for which T is 1. `LanguageModel`: the text ids (*batch, T).
        `OneToMany`: the pair (x, ys), and `EncoderDecoder`: the pair (xs, ys), as in
        their `logits`: they are read under teacher forcing.
    lengths: (batch,), or one number for one sequence: true lengths; None for all T. In
        an `EncoderDecoder` those of xs.

    Returns {cell: {name: array}}. A cell is called "cell" if it is the only one, else
    "forward", "backward", "layer 1", "layer 2 forward", ... from the bottom up; in an
    `EncoderDecoder` "encoder" or "decoder" comes first. The names inside are those of
    `companion.inside.inside`: a, c, c_tilde, gamma_u, ... (for a cell of your own, the
    fields of its state). Each array is (batch, T, n_a), or (T, n_a) for one sequence,
    NaN past the lengths.

    Step t is the step that reads input t. A `LanguageModel` and a `OneToMany` read
    x<t> = y<t-1>, so index 0 is EOS or the condition, index t the state after token
    t - 1 of the text, and the last token is never read: `labels` names the inputs.
    Dropout is off. Raises ValueError or TypeError naming the argument that does not
    fit. The first call for a shape compiles; later ones take milliseconds.
    """
    if isinstance(model, EncoderDecoder):
        return _look_at_both(model, params, *_pair("xs", xs, model), lengths)
    layer, below, seen, single = _reading(model, params, xs)
    if single and lengths is not None:
        lengths = jnp.asarray(lengths)[None]
    return _found(_look(layer, below, seen, lengths, single))


def labels(model, xs, names) -> list:
    """What a model's layer reads at each step, in words: what `look_inside` shows at t.

    xs: token ids (T,), or (batch, T) for a list of lists; for a `OneToMany` the pair
    (x, ys). names: a `Vocabulary`, or the token of every id in order. A `LanguageModel`
    reads EOS first and never its last token; a `OneToMany` reads its condition first,
    here "x = 2". Raises TypeError for an `EncoderDecoder`: ask for the labels of its
    encoder, and of its writer with the pair (0, ys).
    """
    names = names.tokens if isinstance(names, Vocabulary) else tuple(names)
    if isinstance(model, OneToMany):
        x, ys = (np.asarray(part) for part in _pair("xs", xs, model))
        first = np.vectorize("x = {}".format, otypes=[object])(x)[..., None]
    else:
        validate.instance("model", _wiring(model), (*LAYERS, Wiring))
        ys, first = np.asarray(xs), None
    if not np.issubdtype(ys.dtype, np.integer) or ys.ndim == 0:
        raise TypeError(f"xs must hold token ids (T,), got {ys.dtype} {ys.shape}")
    validate.tokens_in_range("xs", ys, len(names))
    if _wiring(model) is not model:  # a language model
        first = np.full((*ys.shape[:-1], 1), names[Vocabulary.eos], object)
    words = np.array(names, object)[ys]
    if first is not None:
        words = np.concatenate([first, words[..., :-1]], axis=-1)
    return words.tolist()


def _wiring(model):
    """A language model is a `OneToMany` that begins at EOS; others are themselves."""
    return getattr(model, "wiring", model)


def _pair(name, xs, model):
    if not isinstance(xs, tuple | list) or len(xs) != 2:
        raise TypeError(
            f"{name} must be a pair for {type(model).__name__}: what its `logits` "
            f"takes, got {type(xs).__name__}"
        )
    return xs


def _reading(model, params, xs):
    """The layer of a model, its parameters, what it reads (batch, T, ...), and whether
    that was one sequence only.
    """
    wiring = _wiring(model)
    validate.instance("model", wiring, (*LAYERS, Wiring))
    if isinstance(wiring, OneToMany):
        if wiring is model:
            x, ys = _pair("xs", xs, model)
        else:
            ys = validate.as_input("xs", xs, "integers")
        ys = validate.as_input("xs", ys, "integers")
        if ys.ndim not in (1, 2):
            raise ValueError(f"xs has shape {ys.shape}, but needs (T,) or (batch, T)")
        validate.tokens_in_range("xs", ys, wiring.n_y)
        if wiring is model:
            carried = model.begin(params, x, ys.shape[:-1])
        else:
            carried = model.start(params, ys.shape[:-1])
        seen = jnp.concatenate([carried.x[..., None], ys[..., :-1]], axis=-1)
        seen = seen.astype(jnp.int32)
    else:
        seen = validate.as_input("xs", xs)
        if isinstance(model, OneToOne):
            seen = jnp.expand_dims(seen, 1)
    axes = 2 if validate.is_tokens(seen) else 3
    if seen.ndim not in (axes - 1, axes):
        features = ", n_x" * (axes - 2)
        raise ValueError(
            f"xs has shape {seen.shape}, but needs (batch, T{features}) or "
            f"(T{features or ','})"
        )
    if isinstance(wiring, Wiring):
        if not hasattr(params, "layer"):
            raise TypeError(f"params must be ModelParams, got {type(params).__name__}")
        wiring, params = wiring.layer, params.layer
    single = seen.ndim < axes
    return wiring, params, seen[None] if single else seen, single


def _look(layer, params, xs, lengths, single=False, state=None, prefix=""):
    """The values of a layer that reads xs (batch, T, ...), batch first, by cell."""
    batch, T = xs.shape[:2]
    if T < 1:
        raise ValueError(f"xs has shape {xs.shape}, but needs T >= 1")
    xs = jnp.swapaxes(xs, 0, 1)
    if lengths is not None:
        lengths = validate.lengths(lengths, T, (batch,))
    if validate.is_tokens(xs):
        validate.tokens_in_range("xs", xs, _n_inputs(layer, params))
    values = _values(layer, params, xs, lengths, state, single)
    named = zip(cells_in(layer), values, strict=True)
    return {f"{prefix} {name}".strip(): found for name, found in named}


def _found(values):
    """In NumPy, the cells in their order (a tree map would sort them by name)."""
    return {name: jax.tree.map(np.asarray, v) for name, v in values.items()}


def _look_at_both(model, params, xs, ys, lengths):
    reads, writes = params.encoder, params.decoder.layer
    xs, ys = validate.as_input("xs", xs), validate.as_input("ys", ys, "integers")
    single = ys.ndim == 1
    if single:
        xs, ys = xs[None], ys[None]
        lengths = None if lengths is None else jnp.asarray(lengths)[None]
    validate.tokens_in_range("ys", ys, model.n_y)
    begun = model.encoded(params, xs, lengths)
    seen = jnp.concatenate([begun.x[:, None], ys[:, :-1].astype(jnp.int32)], axis=1)
    found = _look(model.encoder, reads, xs, lengths, single, None, "encoder")
    found |= _look(model.decoder, writes, seen, None, single, begun.state, "decoder")
    return _found({name.removesuffix(" cell"): v for name, v in found.items()})


def _n_inputs(layer, params) -> int:
    """How many different ids the lowest cell of a layer reads."""
    (cell, path), *_ = cells_in(layer).values()
    for _ in path:
        params = params[0]
    return validate.features(cell, params, "xs", jnp.zeros((), int))


@functools.partial(jax.jit, static_argnames=("layer", "single"))
def _values(layer, params, xs, lengths, state, single):
    """A list of dictionaries, one a cell in the order of `cells_in`, batch first."""
    found = []
    _run(layer, params, xs, lengths, state, found)
    alive = None if lengths is None else length_mask(lengths, len(xs))[..., None]

    def shown(v):
        v = v if alive is None else jnp.where(alive, v, jnp.nan)
        return v[:, 0] if single else jnp.swapaxes(v, 0, 1)

    return jax.tree.map(shown, found)


def _run(layer, params, xs, lengths, state, found) -> Array:
    """Run a layer, append the values of its cells to `found`, return its outputs."""
    if isinstance(layer, layers.Stacked):
        outputs = xs
        for i, below in enumerate(layer.layers):
            start = None if state is None else state[i]
            above = _run(below, params[i], outputs, lengths, start, found)
            outputs = above + outputs if layer.residual and i > 0 else above
        return outputs
    run = layers.apply(layer, params, xs, lengths=lengths, state=state)
    if isinstance(layer, layers.Bidirectional):
        for side in ("forward", "backward"):
            cell, own, states = (
                getattr(whole, side) for whole in (layer.cells, params, run.states)
            )
            found.append(_of(cell, own, xs, states, None, lengths, side == "backward"))
    else:
        found.append(_of(layer, params, xs, run.states, state, lengths, False))
    return run.outputs


def _of(cell, params, xs, after, start, lengths, reverse):
    """The values of one cell from the states it went through."""

    def turned(s):  # its own inverse
        return reverse_within(s, lengths) if reverse else s

    def one_earlier(first, s):
        s = turned(s)
        first = jnp.zeros_like(s[0]) if first is None else first.astype(s.dtype)
        return turned(jnp.concatenate([first[None], s[:-1]]))

    first = jax.tree.map(lambda s: None, after) if start is None else start
    before = type(after)(*map(one_earlier, first, after))
    values = {"a": after.a, **after._asdict()}
    if isinstance(cell, Frozen):
        before, params, cell = (
            cell.hold(params, before),
            cell.unwrapped(params),
            cell.inner,
        )
    if not isinstance(cell, KNOWN):
        return values
    # every state is known: one step for all t at once, each from its own state
    found = inside(cell, params, xs[None], before)
    return {name: v[0] for name, v in found.items()} | values
