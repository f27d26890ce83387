"""The cliff: its loss, gradient and descents against plain Python."""

import math

import numpy as np
import pytest

from companion import cliff


def by_hand(w, b):
    """The loss and its gradient, each derivative carried forward step by step."""
    a, by_w, by_b = 0.5, 0.0, 0.0
    for _ in range(50):
        new = 1 / (1 + math.exp(-(w * a + b)))
        slope = new * (1 - new)
        by_w, by_b = slope * (a + w * by_w), slope * (1 + w * by_b)
        a = new
    return (a - 0.7) ** 2, (2 * (a - 0.7) * by_w, 2 * (a - 0.7) * by_b)


POINTS = [(2.0, -1.0), (5.5, -2.0), (4.6, -3.4), (0.0, 0.3), (8.0, -5.0)]


@pytest.mark.parametrize("point", POINTS)
def test_the_loss_is_that_of_a_loop(point):
    assert float(cliff.loss(np.array(point))) == pytest.approx(
        by_hand(*point)[0], abs=1e-5
    )


def test_the_surface_is_laid_out_row_by_b():
    ground = cliff.surface(5)
    assert ground.loss.shape == ground.norm.shape == (5, 5)
    for i, b in enumerate(ground.b):
        for j, w in enumerate(ground.w):
            value, gradient = by_hand(w, b)
            assert ground.loss[i, j] == pytest.approx(value, abs=1e-5)
            assert ground.norm[i, j] == pytest.approx(
                math.hypot(*gradient), rel=0.02, abs=1e-5
            )


@pytest.mark.parametrize("clip", [None, 0.02, 5.0])
def test_a_descent_follows_its_own_rule(clip):
    points = np.array([(2.0, -1.0), (3.0, 0.0)])
    run = cliff.descend(points, learning_rate=0.5, clip=clip, steps=20)
    assert run.points.shape == (21, 2, 2) and run.losses.shape == (21, 2)
    for i, point in enumerate(points):
        w, b = point
        for step in range(21):
            value, gradient = by_hand(w, b)
            norm = math.hypot(*gradient)
            np.testing.assert_allclose(run.points[step, i], (w, b), atol=1e-4)
            assert run.losses[step, i] == pytest.approx(value, abs=1e-4)
            assert run.norms[step, i] == pytest.approx(norm, abs=1e-4)
            scale = 1 if clip is None else min(1, clip / norm)
            w, b = w - 0.5 * scale * gradient[0], b - 0.5 * scale * gradient[1]


def test_no_clipped_step_is_longer_than_the_threshold():
    run = cliff.descend(cliff.starts(), learning_rate=0.3, clip=0.1)
    steps = np.linalg.norm(np.diff(run.points, axis=0), axis=-1)
    assert steps.max() <= 0.3 * 0.1 * (1 + 1e-3)
    assert run.norms.max() > 1, "the norms should be those before clipping"


def test_the_starts_stand_on_both_sides_and_some_descents_need_the_clip():
    starts = cliff.starts()
    assert starts.shape == (169, 2)
    losses = np.asarray(cliff.loss(starts))
    assert (losses > 0.3).any() and (losses < 0.1).any()
    free, clipped = (cliff.descend(starts, 0.3, clip).solved for clip in (None, 1.0))
    assert clipped.mean() - free.mean() > 0.25
    assert free.any(), "some do well without"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"point must be \(\.\.\., 2\)"):
        cliff.loss(np.zeros(3))
    with pytest.raises(ValueError, match=r"points must be \(starts, 2\)"):
        cliff.descend(np.zeros(2))
    with pytest.raises(ValueError, match="learning_rate and clip must be positive"):
        cliff.descend(np.zeros((1, 2)), learning_rate=0.0)
    with pytest.raises(ValueError, match="learning_rate and clip must be positive"):
        cliff.descend(np.zeros((1, 2)), clip=-1.0)
    with pytest.raises(ValueError, match="points must be at least 1"):
        cliff.surface(0)
