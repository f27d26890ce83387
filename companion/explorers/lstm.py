"""Explorers of notebook 08: one LSTM unit by hand, and what a forget bias does."""

from functools import partial
from numbers import Real

from companion.explorer import Choice, Explorer, Slider, Text
from companion.figures import forgetting, lstm
from companion.figures.forgetting import HIGHEST, LONGEST, LOWEST
from companion.figures.gates import LINE_LENGTH, MOST, WHEN

__all__ = ["forget_bias", "one_unit"]


def forget_bias() -> Explorer:
    """Forget bias to memory line: sigma(b)^k beside the gradient of untrained LSTMs.

    `result` is a `companion.figures.forgetting.Forgetting`.
    """
    return Explorer(
        forgetting.forget_bias_setup,
        forgetting.forget_bias_update,
        forgetting.forget_bias_describe,
        controls={
            "b": Slider("forget bias b", LOWEST, 1.0, HIGHEST, 0.25),
            "T": Slider("steps back T", 10, 50, LONGEST, 10),
        },
        height=3.4,
    )


def one_unit(weight: Real = 0.0) -> Explorer:
    """One unit of an LSTM with its gates as sliders, over a line of numbers you type.

    Keeping and adding are set apart from each other, so c may grow past 1. weight: what
    the candidate tanh(weight * a<t-1> + x<t>) does with the last activation. `result`
    is a `companion.figures.lstm.Unit`.
    """
    controls = {
        "text": Text("inputs x", "1 0 1 0 0 -1 0", max_length=LINE_LENGTH),
        "t": Slider("step t", 1, 3, MOST, 1),
        "gamma_f": Slider("forget gate Γf", 0.0, 0.9, 1.0, 0.01),
        "gamma_u": Slider("update gate Γu", 0.0, 0.8, 1.0, 0.01),
        "gamma_o": Slider("output gate Γo", 0.0, 0.5, 1.0, 0.01),
    }
    fixed = {"weight": weight}
    if weight:
        controls["when"] = Choice("Γu holds", WHEN)
    else:  # where x is 0 the candidate is 0 too, so nothing is added in any case
        fixed["when"] = WHEN[0]
    return Explorer(
        partial(lstm.one_unit_setup, **fixed),
        partial(lstm.one_unit_update, **fixed),
        lstm.one_unit_describe,
        controls=controls,
        height=5.0,
    )
