"""Explorers of notebook 06: what becomes of a gradient on its way back."""

from companion.explorer import Choice, Explorer, Slider
from companion.figures import microscope as pictures
from companion.microscope import CELLS, LONGEST

__all__ = ["microscope"]


def microscope() -> Explorer:
    """The gradient microscope: nudge an untrained network at every step, see it go.

    `result` is a `companion.microscope.View`: norms by lag, the map, the memory line,
    the saturation, and the network itself.
    """
    return Explorer(
        pictures.microscope_setup,
        pictures.microscope_update,
        pictures.microscope_describe,
        controls={
            "cell": Choice("cell", list(CELLS)),
            "rho": Slider("spectral radius ρ", 0.5, 1.0, 2.0, 0.05),
            "input_scale": Choice(
                "input scale s", [0.01, 0.03, 0.1, 0.3, 1.0, 3.0], 1.0, slider=True
            ),
            "bias": Slider("bias of the keeping gate", -2.0, 1.0, 6.0, 0.5),
            "T": Slider("steps T", 10, 100, LONGEST, 10),
            "seed": Slider("seed", 1, 1, 20, 1),
        },
        height=3.8,
    )
