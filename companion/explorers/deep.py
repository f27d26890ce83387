"""Explorers of notebook 10: what a tower costs, and what its layers hold on to."""

from functools import partial

from companion.explorer import Choice, Explorer, Slider
from companion.figures import stethoscope as picture
from companion.figures import tower

__all__ = ["price", "stethoscope"]

MOST_SEQUENCES = 20


def price() -> Explorer:
    """Layers, units and cell to parameters, time per step and the length of paths.

    `result` is a `companion.figures.tower.Price`.
    """
    return Explorer(
        tower.price_setup,
        tower.price_update,
        tower.price_describe,
        controls={
            "cell": Choice("cell", list(tower.CELLS), "LSTM"),
            "n_layers": Slider("layers L", 1, 2, tower.HIGHEST, 1),
            "n_a": Choice(
                "units in a layer", [16, 32, 64, 128, 256, 512], 256, slider=True
            ),
            "T": Slider("steps T", 5, 35, 50, 5),
        },
        height=3.4,
    )


def stethoscope(
    model=None, params=None, xs=None, behind=None, name: str = "hidden"
) -> Explorer:
    """The time constant of every unit in every layer, and the trace of one of them.

    model, params: any layer or model of the package; without them, an untrained tower
        that reads a market. xs: a batch of sequences, as the model takes it.
    behind, name: (sequences, T), a hidden property drawn behind the trace, such as a
        regime, 0 or 1; and what it is called.

    Units are numbered from the slowest. `result` is a
    `companion.figures.stethoscope.Unit`. Raises as `stethoscope.listen`, and ValueError
    if only some of model, params and xs are given.
    """
    given = [part is not None for part in (model, params, xs)]
    if any(given) != all(given):
        raise ValueError("give a model, its params and xs, or none of them")
    if model is None:
        seen = picture.untrained()
    else:
        seen = picture.heard(model, params, xs, behind, name)
    cells, units, sequences = picture.shown(seen)
    last = min(sequences, MOST_SEQUENCES)
    controls = {
        "cell": Choice("layer", cells, cells[-1]),
        "unit": Slider("unit, slowest first", 1, 1, max(units, 2), 1),
        "sequence": Slider("sequence", 1, 1, max(last, 2), 1),
    }
    return Explorer(
        partial(picture.stethoscope_setup, seen=seen),
        partial(picture.stethoscope_update, seen=seen),
        partial(picture.stethoscope_describe, seen=seen),
        controls=controls,
        height=3.0,
    )
