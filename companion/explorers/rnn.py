"""Explorers of notebook 02: a forward pass step by step, and networks left to run."""

from companion.explorer import Choice, Explorer, Slider
from companion.figures import rnn, states

__all__ = ["step_by_step", "trajectories"]


def step_by_step() -> Explorer:
    """Walk through the small network: every number of the unrolled drawing, live."""
    return Explorer(
        rnn.step_by_step_setup,
        rnn.step_by_step_update,
        rnn.step_by_step_describe,
        controls={
            "t": Slider("step t", 1, 3, 4, 1),
            "first": Slider("first number of x⟨1⟩", -2.0, 1.0, 2.0, 0.1),
            "activation": Choice("activation g₁", ["tanh", "ReLU"]),
        },
        height=4.5,
    )


def trajectories() -> Explorer:
    """64 untrained units running: how large the state grows, how flat it sits."""
    return Explorer(
        states.trajectories_setup,
        states.trajectories_update,
        states.trajectories_describe,
        controls={
            "activation": Choice("activation g₁", ["tanh", "ReLU"]),
            "scale": Slider("weight scale", 0.5, 1.0, 2.0, 0.1),
            "input_size": Choice("input size", [0.1, 0.3, 1.0, 3.0], 1.0, slider=True),
            "matrix": Slider("matrix drawn", 1, 2, 20, 1),
        },
        height=2.7,
    )
