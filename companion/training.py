"""Training: the whole run is one compiled loop, whatever its number of steps."""

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Float

from companion import validate
from companion.progress import in_chunks

__all__ = ["Fit", "fit"]


# On a CPU most of a small run is compiling. A lower level of optimisation takes a
# quarter off that and leaves the speed of the run as it is: both were measured.
QUICKLY = {"cpu": {"xla_backend_optimization_level": 1}}


class Fit(NamedTuple):
    """What training leaves: the parameters, and the loss and gradient norm per step.

    losses, gradient_norms: (steps,), or (seeds, steps); norms are from before clipping.
    state: what the last step handed on, if the run had a state.
    """

    params: Any
    losses: Float[Array, "*seeds steps"]
    gradient_norms: Float[Array, "*seeds steps"]
    state: Any = None


def fit(
    loss: Callable[..., Any],
    params,
    batches,
    *,
    steps=None,
    key=None,
    learning_rate=None,
    clip=1.0,
    clip_by="norm",
    optimiser=None,
    state=None,
    watch: Callable[[Fit], Any] | None = None,
    every=None,
    over_seeds: bool = False,
    mesh: Mesh | None = None,
    progress: bool | None = None,
) -> Fit:
    """Minimise `loss(params, batch)`, one step a batch.

    batches: a pytree of arrays whose first axis is the step, made before the run; or a
        function `sample(key) -> batch`, which needs steps and key.
    steps, key: step t trains on `sample(jax.random.fold_in(key, t))`. With over_seeds
        each seed does so with its own of `jax.random.split(key, seeds)`.
    learning_rate: Adam's (Kingma and Ba 2015), 0.01 if not given; it falls linearly to
        a twentieth of itself over the run.
    clip, clip_by: by "norm", a gradient whose numbers as one vector are longer than
        clip is scaled down to that length (Pascanu et al. 2013); by "value", each
        number is cut to [-clip, clip]. None or infinity never clips.
    optimiser: an optax.GradientTransformation in place of Adam. What it receives is
        clipped; its rate is its own, so learning_rate must be left out.
    state: a pytree of arrays carried from step to step, such as the state in which a
        language model leaves a window. The loss is then `loss(params, batch, state)`
        and returns (loss, state); no gradient goes from one step into the one before.
    watch, every: after each `every` steps, and after the last, `watch` is called with
        the Fit so far. If it returns True, the run ends there.
    over_seeds: every array of params, batches and state has a seed axis in front, and
        that many independent runs are trained at once. learning_rate and clip may be
        (seeds,) then: a sweep over either is one compiled program.
    mesh: devices that share the work, such as `jax.make_mesh((8,), ("batch",))`. Every
        array of a batch is cut along its first axis (the one after seeds and steps),
        one equal part a device, and so is a state with as many rows. Single numbers,
        params and what the optimiser remembers are whole on every device. JAX adds up
        the gradients: the losses are those of one device but for rounding. A mesh of
        several axes is used as one row of devices.
    progress: a bar while training lasts, once it has lasted a second. None: unless the
        environment variable TQDM_DISABLE is set.

    Same arguments, same result, to the last bit. Ctrl-C ends the run with a warning
    and returns what the steps so far have trained.

    Raises ValueError or TypeError naming the argument that does not fit, such as a
    batch that a mesh cannot cut into equal parts. Raises FloatingPointError when the
    loss or the gradient of a seed is not finite: it names the step, the last finite
    gradient norm and what to try, and its attribute `fit` is the Fit up to that step,
    all of it finite.
    """
    if not callable(loss):
        raise TypeError(f"loss must be a function, got {type(loss).__name__}")
    validate.one_of("clip_by", clip_by, ("norm", "value"))
    params, seeds = as_params(params, over_seeds)
    steps, batch_at, source = as_source(batches, steps, key, seeds)
    clips = per_seed("clip", math.inf if clip is None else clip, seeds)
    state = as_state(state, seeds)
    place = placing(mesh, jax.eval_shape(batch_at, source, np.int32(0)), seeds)
    if (watch is None) != (every is None):
        raise ValueError("watch and every go together: what to call, and how often")
    if watch is not None and not callable(watch):
        raise TypeError(f"watch must be a function, got {type(watch).__name__}")
    every = steps if every is None else validate.positive_int("every", every)
    if optimiser is None:
        given = 1e-2 if learning_rate is None else learning_rate
        rates = per_seed("learning_rate", given, seeds)

        def optimiser_of(rate):
            return optax.adam(optax.linear_schedule(rate, rate / 20, steps))
    else:
        validate.instance("optimiser", optimiser, optax.GradientTransformation)
        if learning_rate is not None:
            raise ValueError(
                f"learning_rate is for Adam; with an optimiser leave it out, got "
                f"{learning_rate}"
            )
        rates = np.ones_like(clips)

        def optimiser_of(rate):
            return optimiser

    def one_step(params, memory, state, batch, rate, clip):
        losing = jax.value_and_grad(one_float(loss), has_aux=True)
        (value, state), gradient = losing(params, batch, state)
        size = norm(gradient)
        gradient = clipped(gradient, size, clip, clip_by)
        updates, memory = optimiser_of(rate).update(gradient, memory, params)
        return optax.apply_updates(params, updates), memory, state, value, size

    start = optimiser_of(1.0).init
    if seeds is not None:
        one_step, start = jax.vmap(one_step), jax.vmap(start)
    start = jax.jit(start)  # or it compiles for every array that the optimiser keeps

    # jitted here, in each call: whatever `loss` reads from outside is read afresh
    @partial(jax.jit, compiler_options=QUICKLY.get(jax.default_backend()))
    def advance(run, stop, source, rates, clips):
        def going(run):
            return (run.step < stop) & run.finite

        def body(run):
            before = (run.params, run.memory, run.state)
            batch = place.batch(batch_at(source, run.step))
            *after, value, size = one_step(*before, batch, rates, clips)
            finite = jnp.all(jnp.isfinite(value) & jnp.isfinite(size))
            kept = partial(jnp.where, finite)  # a step that went wrong changes nothing
            after = jax.tree.map(kept, tuple(after), before)
            losses = run.losses.at[..., run.step].set(value)
            norms = run.norms.at[..., run.step].set(size)
            return place.run(Run(run.step + finite, *after, losses, norms, finite))

        return lax.while_loop(going, body, run)

    history = np.zeros((steps,) if seeds is None else (seeds, steps), clips.dtype)
    run = Run(np.int32(0), params, start(params), state, history, history, np.True_)
    run, source = place.before(run, source, made=not callable(batches))
    if progress is None:
        progress = not os.environ.get("TQDM_DISABLE")

    def seen(run):
        return None if watch is None else watch(so_far(run))

    given = (source, rates, clips)
    run = in_chunks(advance, run, steps, progress, *given, pause=every, seen=seen)
    if not run.finite:
        raise not_finite(run, so_far(run), clips)
    return so_far(run)


class Run(NamedTuple):
    """Where a run stands: `step` steps are done, and all they left is finite."""

    step: Any
    params: Any
    memory: Any  # what the optimiser remembers
    state: Any  # what the loss hands on
    losses: Any
    norms: Any
    finite: Any  # False: step `step` was tried and is not part of params or memory


class OneDevice:
    """Everything stays where it is."""

    def before(self, run, source, made):
        return run, source

    def batch(self, batch):
        return batch

    def run(self, run):
        return run


class OnMesh:
    """Batches cut along their rows, one part a device; the rest whole on each."""

    def __init__(self, mesh, seeds, rows):
        self.mesh, self.rows = mesh, rows
        self.axis = 0 if seeds is None else 1  # of a batch and of a state: its rows

    def whole(self, leaf):
        return NamedSharding(self.mesh, PartitionSpec())

    def cut(self, leaf, steps=0):
        """The sharding of an array of batches; `steps` axes stand before the rows."""
        axis = self.axis + steps
        if leaf.ndim <= axis:
            return self.whole(leaf)
        return NamedSharding(
            self.mesh, PartitionSpec(*[None] * axis, self.mesh.axis_names)
        )

    def of_state(self, leaf):
        has_rows = leaf.ndim > self.axis and leaf.shape[self.axis] == self.rows
        return self.cut(leaf) if has_rows else self.whole(leaf)

    def of_run(self, run):
        whole = jax.tree.map(self.whole, run._replace(state=None))
        return whole._replace(state=jax.tree.map(self.of_state, run.state))

    def before(self, run, source, made):
        """The run and the source of its batches, put on the devices."""
        run = jax.tree.map(jnp.asarray, run)
        source = jax.tree.map(jnp.asarray, source) if made else source
        of = partial(self.cut, steps=1) if made else self.whole
        shardings = self.of_run(run), jax.tree.map(of, source)
        if jax.process_count() > 1:
            return on_every_host((run, source), shardings)
        return jax.device_put((run, source), shardings)

    def batch(self, batch):
        return lax.with_sharding_constraint(batch, jax.tree.map(self.cut, batch))

    def run(self, run):
        return lax.with_sharding_constraint(run, self.of_run(run))


def on_every_host(tree, shardings):
    """`device_put` for a mesh of several hosts: it knows the devices of its own only.

    Every host holds all of `tree`, and gives its devices their parts.
    """

    def is_key(leaf):
        return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)

    def numbers(leaf):
        return np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)

    def back(leaf, given):
        if not is_key(given):
            return leaf
        return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(given))

    put = jax.jit(
        lambda plain: jax.tree.map(back, plain, tree), out_shardings=shardings
    )
    return put(jax.tree.map(numbers, tree))


def placing(mesh, batch, seeds):
    """Where everything goes; a batch that cannot be cut into equal parts is refused."""
    if mesh is None:
        return OneDevice()
    validate.instance("mesh", mesh, Mesh)
    axis, number = 0 if seeds is None else 1, mesh.size
    shapes = [leaf.shape[axis:] for leaf in jax.tree.leaves(batch)]
    rows = {shape[0] for shape in shapes if shape}
    if not rows:
        raise ValueError("mesh needs batches of arrays (batch, ...), got none")
    for size in rows:
        if size % number:
            raise ValueError(
                f"batches must have a first axis that {number} devices can share "
                f"equally, got {size} rows"
            )
    # the partitioner decides about what is in between: no axis is Explicit or Manual
    mesh = Mesh(mesh.devices, mesh.axis_names, (AxisType.Auto,) * mesh.devices.ndim)
    return OnMesh(mesh, seeds, max(rows))


def so_far(run: Run) -> Fit:
    """The steps that are done."""
    done = int(run.step)
    losses, norms = run.losses, run.norms
    if done < losses.shape[-1]:  # in NumPy: a cut of its own would compile each time
        losses, norms = np.asarray(losses)[..., :done], np.asarray(norms)[..., :done]
    return Fit(run.params, losses, norms, run.state)


def norm(gradient) -> Array:
    """The length of all of a gradient's numbers as one vector."""
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)))


def clipped(gradient, size, clip, clip_by):
    """A gradient of norm `size`, scaled down or cut number by number."""
    leaves, tree = jax.tree.flatten(gradient)
    if clip_by == "value":
        cut = [jnp.clip(leaf, -clip, clip) for leaf in leaves]
    else:
        cut = [leaf * jnp.minimum(1, clip / size) for leaf in leaves]
    cut = [new.astype(leaf.dtype) for new, leaf in zip(cut, leaves, strict=True)]
    return jax.tree.unflatten(tree, cut)


def not_finite(run: Run, fit: Fit, clips) -> FloatingPointError:
    """The error that says where a run went wrong, and what the steps before suggest."""
    t = int(run.step)
    losses, norms = np.atleast_2d(run.losses), np.atleast_2d(run.norms)
    seed = int(np.argmin(np.isfinite(losses[:, t]) & np.isfinite(norms[:, t])))
    what = "gradient" if np.isfinite(losses[seed, t]) else "loss"
    of_seed = f" of seed {seed}" if np.ndim(run.losses) == 2 else ""
    said = f"the {what}{of_seed} is not finite at step {t}. "
    if t == 0:
        said += "No step was taken yet: look at the initial params and the first batch"
        said += ", and for a square root or log of 0." if what == "gradient" else "."
    else:
        last, usual = norms[seed, t - 1], np.median(norms[seed, : max(t - 1, 1)])
        said += f"The last finite gradient norm was {last:.3g}, "
        said += f"the median before it {usual:.3g}. "
        clip = np.atleast_1d(clips)[seed]
        lower = "lower learning_rate" + (" or set clip" if np.isinf(clip) else "")
        if last > 10 * usual:
            kept = "" if np.isinf(clip) else f" in spite of clip={clip:g}"
            said += f"The gradient exploded{kept}: {lower}."
        else:
            said += f"Look at the batch of step {t}; if it is sound, {lower}."
    error = FloatingPointError(said)
    error.fit = fit
    return error


def one_float(loss):
    """The loss as (loss, state): one float, and a state like the one given."""

    def checked(params, batch, state):
        if state is None:
            value = loss(params, batch)
        else:
            value, state = with_state(loss(params, batch, state), state)
        dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
        if shape != () or not jnp.issubdtype(dtype, jnp.floating):
            came = (
                type(value).__name__ if shape is None else f"{dtype} of shape {shape}"
            )
            raise TypeError(f"loss must return one float, got {came}")
        return value, state

    return checked


def with_state(returned, before):
    """What a loss with a state returned; the state must look like the one before."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise TypeError("with a state, loss must return (loss, state), a pair")

    def looks(tree):
        leaves, form = jax.tree.flatten(tree)
        return form, [(jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves]

    if looks(returned[1]) != looks(before):
        raise ValueError(
            f"loss must hand on a state like the one given, {looks(before)}, got "
            f"{looks(returned[1])}"
        )
    return returned


def as_state(state, seeds):
    """A state as arrays, each with the seeds in front if there are any."""
    if state is None:
        return None
    state = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), state)
    if not jax.tree.leaves(state):
        raise ValueError("state must hold arrays, got none; leave it out")
    if seeds is not None:
        axes = leading("state", state, "(seeds, ...)", 1)
        if axes[0] != seeds:
            raise ValueError(f"params is for {seeds} seeds, but state is for {axes[0]}")
    return state


def as_params(params, over_seeds: bool):
    """Parameters as arrays of floats, and the number of seeds or None."""
    if not jax.tree.leaves(params):
        raise ValueError(f"params must hold arrays to train, got {params!r}")
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        dtype = jnp.result_type(leaf)
        if not jnp.issubdtype(dtype, jnp.floating):
            where = f"params{jax.tree_util.keystr(path)}"
            raise TypeError(f"{where} must hold floats, got {dtype}")
    # a dtype spelled out: a weak type would change in the loop, and compile it again
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), params)
    if not over_seeds:
        return params, None
    return params, leading("params", params, "(seeds, ...)", 1)[0]


def leading(name, tree, wanted, axes):
    """The leading axes, which every array of a pytree must share."""
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)]
    if not shapes or any(len(s) < axes or s[:axes] != shapes[0][:axes] for s in shapes):
        raise ValueError(f"{name} must hold arrays {wanted}, got shapes {shapes}")
    return shapes[0][:axes]


def as_source(batches, steps, key, seeds):
    """The number of steps, and batch_at(source, t) with its source of batches."""
    if callable(batches):
        if steps is None or key is None:
            raise ValueError("batches is a function: it needs steps and key")
        dtype = getattr(key, "dtype", None)
        if dtype is None or not jnp.issubdtype(dtype, jax.dtypes.prng_key) or key.shape:
            raise TypeError(f"key must be one jax.random.key, got {key!r}")

        def draw(key, t):
            return batches(jax.random.fold_in(key, t))

        steps = validate.positive_int("steps", steps)
        if seeds is None:
            return steps, draw, key
        return steps, jax.vmap(draw, (0, None)), jax.random.split(key, seeds)
    if steps is not None or key is not None:
        raise ValueError("steps and key go with a function as batches, not with arrays")
    axis, wanted = (0, "(steps, ...)") if seeds is None else (1, "(seeds, steps, ...)")
    axes = leading("batches", batches, wanted, axis + 1)
    if seeds is not None and axes[0] != seeds:
        raise ValueError(f"params is for {seeds} seeds, but batches for {axes[0]}")

    def batch_at(batches, t):
        def pick(rows):
            return lax.dynamic_index_in_dim(rows, t, axis, keepdims=False)

        return jax.tree.map(pick, batches)

    return validate.positive_int("number of steps", axes[axis]), batch_at, batches


def per_seed(name, value, seeds):
    """A positive number, or with seeds one each, as an array: (), or (seeds,)."""
    shape = () if seeds is None else (seeds,)
    try:
        numbers = np.asarray(value, jnp.zeros(()).dtype)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if numbers.shape not in ((), shape):
        each = f" or one a seed, {shape}" if shape else ""
        raise ValueError(f"{name} must be one number{each}, got shape {numbers.shape}")
    if not np.all(numbers > 0):
        raise ValueError(f"{name} must be positive, got {value}")
    return np.broadcast_to(numbers, shape)
