"""Exercises of notebook 10: a tower, its parameters, deep transitions, MLP gates."""

import numpy as np

from companion.cells import RNNParams
from companion.exercises.check import Exercise, Mistake

__all__ = ["deep_rnn", "mlp_gate", "tower_parameters", "transition_step"]


def _joined(a, x):
    return np.concatenate([a, x])


def _input_first(a, x):
    return np.concatenate([x, a])


def _step(params, a, x, join=_joined):
    return np.tanh(params.W_a @ join(a, x) + params.b_a)


def _layer(params, xs, join=_joined):
    a, found = np.zeros(len(params.b_a)), []
    for x in xs:
        a = _step(params, a, x, join)
        found.append(a)
    return np.stack(found)


def _tower(params, xs):
    for layer in params:
        xs = _layer(layer, xs)
    return xs


def _every_layer_reads_x(params, xs):
    return _layer(params[-1], xs)


def _reads_one_step_late(params, xs):
    for number, layer in enumerate(params):
        if number > 0:
            xs = np.concatenate([np.zeros((1, xs.shape[1])), xs[:-1]])
        xs = _layer(layer, xs)
    return xs


def _bottom_layer(params, xs):
    return _layer(params[0], xs)


def _one_below_the_top(params, xs):
    return _tower(params[:-1], xs)


def _shared(params, xs):
    return _tower([params[0]] * len(params), xs)


def _upside_down(params, xs):
    return _tower(params[::-1], xs)


def _one_state_for_all(params, xs):
    """What happens when all layers use one variable `a`."""
    a, found = np.zeros(len(params[0].b_a)), []
    for x in xs:
        for layer in params:
            a = x = _step(layer, a, x)
        found.append(a)
    return np.stack(found)


def _transition(params, xs):
    """One state for all, and every layer reads x."""
    a, found = np.zeros(len(params[0].b_a)), []
    for x in xs:
        for layer in params:
            a = _step(layer, a, x)
        found.append(a)
    return np.stack(found)


def _only_the_bottom_remembers(params, xs):
    xs = _layer(params[0], xs)
    for layer in params[1:]:
        xs = np.stack([_step(layer, np.zeros(len(layer.b_a)), x) for x in xs])
    return xs


def _recurrent_from_below(params, xs):
    """The state at t - 1 of the layer below in the place of its own."""
    xs = _layer(params[0], xs)
    for layer in params[1:]:
        late = np.concatenate([np.zeros((1, xs.shape[1])), xs[:-1]])
        xs = np.stack([_step(layer, a, x) for a, x in zip(late, xs, strict=True)])
    return xs


def _starts_where_the_one_below_ended(params, xs):
    a = np.zeros(len(params[0].b_a))
    for layer in params:
        found = []
        for x in xs:
            a = _step(layer, a, x)
            found.append(a)
        xs = np.stack(found)
    return xs


def _all_layers(params, xs):
    runs = [_tower(params[:number], xs) for number in range(1, len(params) + 1)]
    return np.concatenate(runs, axis=1)


def _all_layers_stacked(params, xs):
    return np.stack([_tower(params[:n], xs) for n in range(1, len(params) + 1)])


def _last_step(params, xs):
    return _tower(params, xs)[-1]


def _skips(params, xs):
    xs = _layer(params[0], xs)
    for layer in params[1:]:
        xs = xs + _layer(layer, xs)
    return xs


def _tower_with_x_first(params, xs):
    for layer in params:
        xs = _layer(layer, xs, _input_first)
    return xs


def _without_biases(params, xs):
    return _tower([layer._replace(b_a=0 * layer.b_a) for layer in params], xs)


def _tower_cases():
    """One layer, two, three. n_x = n_a, so that any layer could read anything."""
    rng = np.random.default_rng(101)

    def layer():
        return RNNParams(rng.normal(size=(3, 6)), rng.normal(size=3))

    return tuple(
        ([layer() for _ in range(depth)], rng.normal(size=(4, 3)))
        for depth in (2, 3, 1)
    )


deep_rnn = Exercise(
    title="A tower from scratch",
    solution=_tower,
    cases=_tower_cases(),
    tolerance=1e-5,  # a right answer may be in float32
    mistakes=(
        Mistake(
            "upper layers read x",
            "The top layer reads x<t>. It should read the layer below, at the same "
            "step.",
            _every_layer_reads_x,
        ),
        Mistake(
            "one step late",
            "Each upper layer reads the state at t - 1 of the layer below. It reads "
            "the one at t, which is there already.",
            _reads_one_step_late,
        ),
        Mistake(
            "bottom layer",
            "These are the states of layer 1. Return those of the top layer.",
            _bottom_layer,
        ),
        Mistake(
            "one below the top",
            "The last layer is missing: it is params[-1], layer L.",
            _one_below_the_top,
        ),
        Mistake(
            "shared weights",
            "All layers use the weights of layer 1. Weights are shared over time, not "
            "over layers.",
            _shared,
        ),
        Mistake(
            "upside down",
            "The tower stands on its head: params[0] is the layer that reads x.",
            _upside_down,
        ),
        Mistake(
            "one state for all",
            "All layers write to one state: each continues from the one below at t, "
            "and not from itself at t - 1.",
            _one_state_for_all,
        ),
        Mistake(
            "one state, and x for all",
            "All layers write to one state and read x<t>. Each layer has a state of "
            "its own, and reads the layer below.",
            _transition,
        ),
        Mistake(
            "state of the layer below",
            "An upper layer takes the state at t - 1 of the layer below for its own.",
            _recurrent_from_below,
        ),
        Mistake(
            "only the bottom remembers",
            "The upper layers start from zeros at every step, so they are no recurrent "
            "layers.",
            _only_the_bottom_remembers,
        ),
        Mistake(
            "start not reset",
            "An upper layer starts where the one below ended. Each starts from zeros.",
            _starts_where_the_one_below_ended,
        ),
        Mistake(
            "all layers joined",
            "The states of all layers are joined: return the top layer alone.",
            _all_layers,
        ),
        Mistake(
            "all layers returned",
            "The states of all layers are returned: return the top layer alone.",
            _all_layers_stacked,
        ),
        Mistake(
            "last step only",
            "This is the top layer's last state: return that of every step.",
            _last_step,
        ),
        Mistake(
            "skips",
            "Each upper layer adds what it reads to what it returns. That is a "
            "residual connection, and no part of this one.",
            _skips,
        ),
        Mistake(
            "x before a",
            "The columns of W_a expect the layer's own state first.",
            _tower_with_x_first,
        ),
        Mistake("no biases", "The biases are missing.", _without_biases),
    ),
    passed="A tower is a loop over layers around a loop over time.",
)


def _count(n_x, n_a, depth, maps):
    layer_1 = n_a * (n_a + n_x) + n_a
    upper = n_a * (n_a + n_a) + n_a
    return maps * (layer_1 + (depth - 1) * upper)


def _square_layer_1(n_x, n_a, depth, maps):
    return maps * depth * (2 * n_a * n_a + n_a)


def _one_square_in_layer_1(n_x, n_a, depth, maps):
    return _count(0, n_a, depth, maps)


def _all_like_layer_1(n_x, n_a, depth, maps):
    return depth * _count(n_x, n_a, 1, maps)


def _one_square_above(n_x, n_a, depth, maps):
    upper = n_a * n_a + n_a
    return _count(n_x, n_a, 1, maps) + maps * (depth - 1) * upper


def _no_recurrence(n_x, n_a, depth, maps):
    return _count(n_x, n_a, depth, maps) - maps * depth * n_a * n_a


def _no_bias(n_x, n_a, depth, maps):
    return _count(n_x, n_a, depth, maps) - maps * depth * n_a


def _two_biases(n_x, n_a, depth, maps):
    return _count(n_x, n_a, depth, maps) + maps * depth * n_a


def _one_bias_a_layer(n_x, n_a, depth, maps):
    return _no_bias(n_x, n_a, depth, maps) + depth * n_a


def _one_number_for_a_bias(n_x, n_a, depth, maps):
    return _no_bias(n_x, n_a, depth, maps) + depth * maps


def _one_map(n_x, n_a, depth, maps):
    return _count(n_x, n_a, depth, 1)


def _maps_in_layer_1_only(n_x, n_a, depth, maps):
    return _count(n_x, n_a, 1, maps - 1) + _count(n_x, n_a, depth, 1)


def _one_layer_more(n_x, n_a, depth, maps):
    return _count(n_x, n_a, depth + 1, maps)


def _one_layer(n_x, n_a, depth, maps):
    return _count(n_x, n_a, 1, maps)


def _with_readout(n_x, n_a, depth, maps):
    return _count(n_x, n_a, depth, maps) + n_x * n_a + n_x


tower_parameters = Exercise(
    title="Counting a tower",
    solution=_count,
    cases=((28, 256, 2, 4), (5, 7, 3, 1), (9, 4, 2, 3)),
    tolerance=1e-12,  # whole numbers, and some of them large
    mistakes=(
        Mistake(
            "layer 1 like the others",
            "Layer 1 is counted like the others, 2 n_a columns. It reads x, so it has "
            "n_a + n_x.",
            _square_layer_1,
        ),
        Mistake(
            "input left out",
            "In layer 1 only the columns for the state are counted, n_a x n_a. Those "
            "for x are missing.",
            _one_square_in_layer_1,
        ),
        Mistake(
            "all like layer 1",
            "All layers are counted like layer 1. From layer 2 on a layer reads the "
            "n_a numbers of the one below.",
            _all_like_layer_1,
        ),
        Mistake(
            "one square above",
            "From layer 2 on only one n_a x n_a is counted. There are two: the layer's "
            "own past, and the layer below.",
            _one_square_above,
        ),
        Mistake(
            "no recurrence",
            "The weights of each layer's own past, n_a x n_a, are missing.",
            _no_recurrence,
        ),
        Mistake(
            "no biases",
            "The biases are missing: n_a for every map of every layer.",
            _no_bias,
        ),
        Mistake(
            "two biases",
            "Two biases are counted for each map, as in PyTorch. Ours have one.",
            _two_biases,
        ),
        Mistake(
            "one bias a layer",
            "One bias is counted for each layer: every map has one.",
            _one_bias_a_layer,
        ),
        Mistake(
            "a bias of one number",
            "Each bias is counted as one number. It has one for every unit.",
            _one_number_for_a_bias,
        ),
        Mistake(
            "maps left out",
            "Only one map is counted in each layer. An LSTM has four: the candidate "
            "and three gates.",
            _one_map,
        ),
        Mistake(
            "gates in layer 1 only",
            "The upper layers are counted with one map. They are cells like the first.",
            _maps_in_layer_1_only,
        ),
        Mistake(
            "one layer more",
            "There is one layer too many: layer 1 and depth - 1 above it.",
            _one_layer_more,
        ),
        Mistake(
            "layers shared",
            "One layer is counted, whatever the depth. Weights are shared over time, "
            "and every layer has its own.",
            _one_layer,
        ),
        Mistake(
            "readout too",
            "A readout with n_x outputs is counted as well. Only the tower was asked "
            "for.",
            _with_readout,
        ),
    ),
    passed="Each layer above the first costs the same, whatever the vocabulary.",
)


def _network(Ws, bs, v, between=np.tanh):
    """W g(... g(W v + b) ...) + b."""
    for number, (W, b) in enumerate(zip(Ws, bs, strict=True)):
        v = W @ (between(v) if number > 0 else v) + b
    return v


def _relu(z):
    return np.maximum(z, 0)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _linear(z):
    return z


def _through(between=np.tanh, end=np.tanh, join=_joined):
    """The step; each argument puts something wrong in the place of one part."""

    def step(Ws, bs, a, x):
        return end(_network(Ws, bs, join(a, x), between))

    return step


def _no_network_biases(step):
    def without(Ws, bs, a, x):
        return step(Ws, [0 * b for b in bs], a, x)

    return without


def _only_the_first_bias(step):
    def without(Ws, bs, a, x):
        return step(Ws, [bs[0], *[0 * b for b in bs[1:]]], a, x)

    return without


def _inputs_for_every_layer(end):
    """Only where W^[1] is square: what is heard in the end is the last layer alone."""

    def step(Ws, bs, a, x):
        return end(Ws[-1] @ _joined(a, x) + bs[-1])

    return step


def _first_layer_only(Ws, bs, a, x):
    return np.tanh(Ws[0] @ _joined(a, x) + bs[0])


def _last_inner_layer(Ws, bs, a, x):
    return _through()(Ws[:-1], bs[:-1], a, x)


def _with_skip(Ws, bs, a, x):
    return np.tanh(_network(Ws, bs, _joined(a, x)) + a)


def _with_skip_outside(Ws, bs, a, x):
    return _through()(Ws, bs, a, x) + a


def _biases_outside(Ws, bs, a, x):
    h = _joined(a, x)
    for W, b in zip(Ws, bs, strict=True):
        h = np.tanh(W @ h) + b
    return h


def _squashed_input(Ws, bs, a, x):
    return _through()(Ws, bs, np.tanh(a), np.tanh(x))


def _network_cases(n_out, seed):
    """Two layers, then three, the inner ones as wide as [a, x], so that any of them
    could read it."""
    rng = np.random.default_rng(seed)
    cases = []
    for n_a, n_x, depth, end in zip((2, 4), (2, 3), (2, 3), n_out, strict=True):
        sizes = [n_a + n_x] * depth + [end]
        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
        Ws = [rng.normal(size=shape) for shape in shapes]
        bs = [rng.normal(size=shape[0]) for shape in shapes]
        cases.append((Ws, bs, rng.normal(size=n_a), rng.normal(size=n_x)))
    return tuple(cases)


_NO_NONLINEARITY = (
    "Nothing stands between the layers. Then their product is one matrix, and the "
    "network no deeper than before."
)
_ONLY_THE_LAST = (
    "Every layer reads [a<t-1>, x<t>], and only the last one counts. Layer 2 reads "
    "what layer 1 made of it."
)
_X_FIRST = "The columns of the first W expect a<t-1> first, then x<t>."
_UPPER_BIASES = "Only the first layer has its bias: each of them has one."

transition_step = Exercise(
    title="A deep transition",
    solution=_through(),
    cases=_network_cases((2, 4), seed=102),
    tolerance=1e-5,
    mistakes=(
        Mistake("nothing between", _NO_NONLINEARITY, _through(between=_linear)),
        Mistake(
            "nothing at the end",
            "The last layer has no tanh: the state has left (-1, 1).",
            _through(end=_linear),
        ),
        Mistake(
            "no tanh at all",
            "There is no tanh anywhere.",
            _through(between=_linear, end=_linear),
        ),
        Mistake(
            "inputs for every layer", _ONLY_THE_LAST, _inputs_for_every_layer(np.tanh)
        ),
        Mistake(
            "first layer only",
            "This is h^[1]. Go on with the layers above it.",
            _first_layer_only,
        ),
        Mistake(
            "last layer missing",
            "The last layer is missing: Ws[-1] leads back to n_a numbers.",
            _last_inner_layer,
        ),
        Mistake(
            "skip",
            "a<t-1> is added before the last tanh. That is the cell with skip=True; "
            "here there is no way round.",
            _with_skip,
        ),
        Mistake(
            "skip outside",
            "a<t-1> is added to the result. The new state is made by the layers alone.",
            _with_skip_outside,
        ),
        Mistake(
            "ReLU between",
            "Between the layers stands a ReLU: use tanh everywhere.",
            _through(between=_relu),
        ),
        Mistake(
            "inputs squashed",
            "a<t-1> and x<t> go through a tanh before the first layer. They go in as "
            "they are.",
            _squashed_input,
        ),
        Mistake(
            "biases outside",
            "The biases are added after tanh. They belong inside.",
            _biases_outside,
        ),
        Mistake("x before a", _X_FIRST, _through(join=_input_first)),
        Mistake("one bias", _UPPER_BIASES, _only_the_first_bias(_through())),
        Mistake("no biases", "The biases are missing.", _no_network_biases(_through())),
    ),
    passed="One state, and k nonlinearities from one step to the next.",
)


def _spread(gamma, n_a):
    return np.repeat(gamma, n_a // len(gamma))


def _gate(spread=_spread, between=np.tanh, end=_sigmoid, join=_joined):
    """The gate; each argument puts something wrong in the place of one part."""
    through = _through(between, end, join)

    def gate(Ws, bs, a, x):
        return spread(through(Ws, bs, a, x), len(a))

    return gate


def _alternating(gamma, n_a):
    return np.tile(gamma, n_a // len(gamma))


def _not_spread(gamma, n_a):
    return gamma


def _first_for_all(gamma, n_a):
    return np.full(n_a, gamma[0])


def _mean_for_all(gamma, n_a):
    return np.full(n_a, gamma.mean())


def _shared_out(gamma, n_a):
    return _spread(gamma, n_a) * len(gamma) / n_a


def _spread_then_shared(gamma, n_a):
    return _spread(gamma / gamma.sum(), n_a)


def _gate_of_the_last_layer(Ws, bs, a, x):
    gamma = _inputs_for_every_layer(_sigmoid)(Ws, bs, a, x)
    return _spread(gamma, len(a))


mlp_gate = Exercise(
    title="A gate with a network inside",
    solution=_gate(),
    cases=_network_cases((1, 2), seed=103),
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "alternating",
            "The gate numbers are laid side by side again and again (np.tile), so "
            "neighbours have different ones. A group is made of neighbours: np.repeat.",
            _gate(_alternating),
        ),
        Mistake(
            "not spread",
            "This is the small gate. Give every unit the number of its group.",
            _gate(_not_spread),
        ),
        Mistake(
            "first for all",
            "Every unit has the first number. Each group has a number of its own.",
            _gate(_first_for_all),
        ),
        Mistake(
            "mean for all",
            "Every unit has the mean of the gate. Each group has a number of its own.",
            _gate(_mean_for_all),
        ),
        Mistake(
            "shared out",
            "A group shares its number out among its units. Each of them gets all of "
            "it.",
            _gate(_shared_out),
        ),
        Mistake(
            "adds up to 1",
            "The gates of the groups add up to 1, as in a softmax. Each group decides "
            "by itself.",
            _gate(_spread_then_shared),
        ),
        Mistake("nothing between", _NO_NONLINEARITY, _gate(between=_linear)),
        Mistake(
            "sigmoid between",
            "Between the layers stands a sigmoid. It belongs to the end, and tanh in "
            "between.",
            _gate(between=_sigmoid),
        ),
        Mistake(
            "tanh at the end",
            "The gate ends in tanh, so it can be negative: a gate is a sigmoid.",
            _gate(end=np.tanh),
        ),
        Mistake(
            "nothing at the end",
            "This is z: the sigmoid is missing.",
            _gate(end=_linear),
        ),
        Mistake(
            "tanh before the sigmoid",
            "The last layer goes through tanh and then through the sigmoid, so the "
            "gate can never open or close: it stays between 0.27 and 0.73.",
            _gate(end=lambda z: _sigmoid(np.tanh(z))),
        ),
        Mistake("inputs for every layer", _ONLY_THE_LAST, _gate_of_the_last_layer),
        Mistake("x before a", _X_FIRST, _gate(join=_input_first)),
        Mistake("one bias", _UPPER_BIASES, _only_the_first_bias(_gate())),
        Mistake("no biases", "The biases are missing.", _no_network_biases(_gate())),
    ),
    passed="The gate may be as deep as you like, and as small.",
)
