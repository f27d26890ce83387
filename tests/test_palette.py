"""The palette as readers with colour-blindness see it, and against the white face."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from companion.figures import style, windows

# Machado, Oliveira and Fernandes (2009), A Physiologically-based Model for Simulation
# of Color Vision Deficiency, IEEE TVCG 15(6): severity 1, for linear RGB.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# sRGB (IEC 61966-2-1) to CIE XYZ, and its white, D65
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])

# CIE76 units. Two patches are told apart side by side at 2 or 3; thin lines, apart
# from one another, need several times that.
APART = 15

# what one picture of a cell may draw together; c_tilde has the colour of c on purpose
TOGETHER = ("x", "a", "c", "gamma_u", "gamma_f", "gamma_o", "gamma_r")

# nearer than that to somebody: these need the line style as a second cue
ALIKE = {
    ("c", "c_tilde"),
    ("gamma_o", "best"),
    ("gamma_u", "best"),
    ("gamma_u", "gradient"),
    ("y", "gradient"),
}

# paler than the 3 to 1 that WCAG 2.1 (1.4.11) asks of what carries meaning
PALE = {"c", "c_tilde", "gamma_r", "best"}


def linear(colour) -> np.ndarray:
    """Linear RGB, three numbers in [0, 1]."""
    channels = np.array(to_rgb(colour))
    bent = ((channels + 0.055) / 1.055) ** 2.4
    return np.where(channels <= 0.04045, channels / 12.92, bent)


def lab(colour, vision: str = "usual") -> np.ndarray:
    """CIE L*a*b* of a colour as this vision sees it."""
    seen = np.clip(VISIONS[vision] @ linear(colour), 0, 1)
    xyz = TO_XYZ @ seen / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one, other, vision: str) -> float:
    """CIE76: the straight line between two colours in L*a*b*."""
    return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))


def contrast(colour) -> float:
    """Contrast ratio with white, as in WCAG 2.1."""
    return 1.05 / (TO_XYZ[1] @ linear(colour) + 0.05)


each_vision = pytest.mark.parametrize("vision", VISIONS)


@each_vision
def test_what_a_cell_holds_stays_apart(vision):
    for one, other in combinations(TOGETHER, 2):
        apart = distance(style.COLORS[one], style.COLORS[other], vision)
        assert apart > APART, f"{one} and {other}: {apart:.0f}"


def test_alike_to_somebody_means_another_line_style():
    near = {
        pair
        for pair in combinations(style.COLORS, 2)
        if min(distance(*map(style.COLORS.get, pair), v) for v in VISIONS) <= APART
    }
    assert near == ALIKE
    for one, other in near:
        assert style.LINES[one] != style.LINES[other], f"{one} and {other}"


@each_vision
def test_whole_methods_stay_apart(vision):
    for pair in combinations((windows.DARK, windows.MIDDLE, windows.LIGHT), 2):
        assert distance(*pair, vision) > APART


@each_vision
@pytest.mark.parametrize("name", ["cividis", "magma"])
def test_maps_grow_lighter_for_everybody(name, vision):
    light = [lab(c, vision)[0] for c in colormaps[name](np.linspace(0, 1, 17))[:, :3]]
    assert np.all(np.diff(light) > 2), "a number could not be read off its shade"


def test_pale_lines_are_known_and_wide():
    ratios = {quantity: contrast(colour) for quantity, colour in style.COLORS.items()}
    assert {quantity for quantity, ratio in ratios.items() if ratio < 3} == PALE
    assert min(ratios.values()) > 2.2
    # what is pale is drawn wide; the grey line of the best score is thin to stand back
    widths = [style.line(quantity)["linewidth"] for quantity in PALE - {"best"}]
    assert min(widths) >= 1.8


def test_the_simulation_does_what_it_says():
    assert np.allclose(lab("#FF0000"), [53.24, 80.09, 67.20], atol=0.05)
    for matrix in VISIONS.values():  # greys stay grey
        assert np.allclose(matrix.sum(axis=1), 1, atol=1e-5)
    red, green = "#C05050", "#608020"  # hard for two of three, easy for the third
    usual, protan, deutan, tritan = (distance(red, green, v) for v in VISIONS)
    assert max(protan, deutan) < 0.6 * usual < tritan
    assert contrast("black") == pytest.approx(21)
