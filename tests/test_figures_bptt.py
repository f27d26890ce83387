"""Pictures of notebook 03: the numbers they show, against autodiff and plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion.explorers import bptt as explorers
from companion.figures import bptt, reach


def step_losses(scale, T, probes):
    """The losses of the explorers' network, with a probe added to every state."""
    W_aa, W_ax, W_y, xs, ys = reach._network(T)

    def step(a, now):
        x, y, probe = now
        a = jnp.tanh(scale * W_aa @ a + W_ax @ x) + probe
        return a, -(y * jax.nn.log_softmax(W_y @ a)).sum()

    return jax.lax.scan(step, jnp.zeros(reach.UNITS), (xs, ys, probes))[1]


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_reach_is_the_jacobian_of_the_losses(scale, x64):
    probes = np.zeros((7, reach.UNITS))
    expected = jax.jacrev(lambda p: step_losses(scale, 7, p))(probes)
    np.testing.assert_allclose(reach.reach(scale, 7).d_a, expected, atol=1e-12)


def weights_gradient(scale, T, kept):
    """The gradient of [scale W_aa, W_ax, b], a copy of the weights for each use.

    Row t of `kept` says which copies the loss of step t may reach.
    """
    W_aa, W_ax, W_y, xs, ys = reach._network(T)
    W = np.concatenate([scale * W_aa, W_ax, np.zeros((reach.UNITS, 1))], axis=1)

    def losses(copies):
        a, found = jnp.zeros(reach.UNITS), []
        for W, x, y in zip(copies, xs, ys, strict=True):
            a = jnp.tanh(W @ jnp.concatenate([a, x, jnp.ones(1)]))
            found.append(-(y * jax.nn.log_softmax(W_y @ a)).sum())
        return jnp.stack(found)

    by_use = jax.jacrev(losses)(jnp.stack([W] * T))  # (t, k, n_a, ...)
    return np.einsum("tk,tkij->ij", kept, by_use)


@pytest.mark.parametrize("cut", reach.CUTS)
def test_truncation_keeps_what_it_says(cut, x64):
    T, tau = 6, 2
    kept, cosine, length = reach.truncated(0.9, cut, T)
    t, k = np.mgrid[:T, :T]
    expected = (k <= t) & (t - k <= tau if cut == reach.CUTS[0] else t // 3 == k // 3)
    np.testing.assert_array_equal(kept[tau], expected)
    some, full = (weights_gradient(0.9, T, kept[i])[:, :-1] for i in (tau, T - 1))
    sizes = np.linalg.norm(some), np.linalg.norm(full)
    assert cosine[tau] == pytest.approx((some * full).sum() / np.prod(sizes), abs=1e-9)
    assert length[tau] == pytest.approx(sizes[0] / sizes[1], abs=1e-9)
    assert cosine[-1] == pytest.approx(1) and length[-1] == pytest.approx(1)


def test_reach_and_truncation_refuse_what_they_do_not_know():
    with pytest.raises(ValueError, match=r"T must lie in 1\.\.20, got 21"):
        reach.reach(1.0, 21)
    with pytest.raises(ValueError, match="cut must be one of"):
        reach.truncated(1.0, "somewhere")


def test_the_drawing_shows_the_way_of_one_loss():
    explorer = explorers.arrival()
    for t, scale in ((1, 0.8), (5, 2.0), (7, 0.2)):
        explorer.set(t=t, scale=scale)
        sizes, artists = explorer.result, explorer._artists
        np.testing.assert_array_equal(sizes, reach.reach(scale).norms[t - 1])
        assert not sizes[t:].any() and sizes[:t].all()
        tops = [bar.get_y() + bar.get_height() for bar in artists["bars"]]
        np.testing.assert_allclose(tops, np.maximum(sizes, reach.FLOOR))
        shown = {key for key, line in artists["back"].items() if line.get_visible()}
        assert shown == {("y", t)} | {("a", k) for k in range(1, t)}
        middle = artists["ring"].get_x() + artists["ring"].get_width() / 2
        assert middle == pytest.approx(reach.FIRST + reach.PITCH * (t - 1))
        assert artists["said"][-1].get_text() == ("0" if t < 7 else f"{sizes[6]:.2g}")


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (1, "only a⟨1⟩ to speak to; the 6 states after step 1 get exactly 0."),
        (2, "1 link back, a⟨1⟩ gets"),
        (6, "5 links back, a⟨1⟩ gets"),
        (6, "the 1 state after step 6 gets exactly 0."),
        (7, "times the gradient that a⟨7⟩ gets."),
    ],
)
def test_the_drawing_is_described(t, said):
    explorer = explorers.arrival()
    explorer.set(t=t)
    assert said in explorer.describe()


def test_the_map_shows_the_kept_routes():
    explorer = explorers.truncation()
    for tau, cut in ((0, reach.CUTS[0]), (4, reach.CUTS[1]), (19, reach.CUTS[0])):
        explorer.set(tau=tau, cut=cut)
        view, artists = explorer.result, explorer._artists
        drawn = artists["mesh"].get_array()
        np.testing.assert_array_equal(drawn.mask.reshape(20, 20), ~view.kept)
        np.testing.assert_array_equal(drawn.data.reshape(20, 20), view.norms)
        for line, spot, numbers in zip(
            artists["lines"], artists["spots"], (view.cosine, view.length), strict=True
        ):
            np.testing.assert_array_equal(line.get_ydata(), numbers)
            assert (spot.get_xdata()[0], spot.get_ydata()[0]) == (tau, numbers[tau])
    assert "210 of 210 routes are kept" in explorer.describe()


def test_loss_by_step_draws_and_says_the_losses():
    picture = bptt.loss_by_step([0.5, 2.0, 1.0], guess=1.1)
    heights = [bar.get_height() for bar in picture.fig.axes[0].patches]
    assert heights == [0.5, 2.0, 1.0]
    assert "largest at step 2 (2.00 nats)" in picture.alt
    assert "smallest at step 1 (0.50); the sum is 3.50" in picture.alt
    with pytest.raises(ValueError, match="losses must be one row"):
        bptt.loss_by_step([[1.0]])


def test_two_terms_draws_lengths():
    output, future = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[0, 6.0], [0, 0]])
    picture = bptt.two_terms(output, future)
    (ax,) = picture.fig.axes
    assert [bar.get_height() for bar in ax.patches] == [5, 1, 6, 0]
    (diamonds,) = ax.lines
    np.testing.assert_allclose(diamonds.get_ydata(), [np.hypot(3, 10), 1])
    assert "0 at the last step and the larger one at step 1." in picture.alt
    with pytest.raises(ValueError, match="must both be"):
        bptt.two_terms(output, future[:1])


def test_contributions_share_one_scale_and_add_up():
    parts = np.random.default_rng(0).normal(size=(3, 2, 5))
    picture = bptt.contributions(parts, n_a=2)
    images = [ax.images[0] for ax in picture.fig.axes if ax.images]
    shown = [np.asarray(image.get_array()) for image in images]
    np.testing.assert_allclose(shown[:-1], parts)
    np.testing.assert_allclose(shown[-1], parts.sum(axis=0))
    limits = {image.get_clim() for image in images}
    assert len(limits) == 1 and max(limits)[1] == -max(limits)[0]
    assert max(limits)[1] == max(np.abs(values).max() for values in shown)
    with pytest.raises(ValueError, match="parts must be"):
        bptt.contributions(parts[0])


def test_curves_are_drawn_and_said():
    eps = np.array([1e-1, 1e-4, 1e-9])
    picture = bptt.u_curve(eps, {"one": [1e-2, 1e-8, 1e-3], "two": [1e-2, 1.0, 1.0]})
    assert "from the lowest up: one, two." in picture.alt
    ring = picture.fig.axes[0].lines[1]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (1e-4, 1e-8)
    np.testing.assert_array_equal(picture.fig.axes[0].lines[0].get_xdata(), eps)
    picture = bptt.memory([10, 160], {"all": [1e6, 16e6], "some": [1e6, 4e6]})
    assert "16 times as many steps" in picture.alt
    assert (
        "all: about as many times the bytes; some: far fewer times the bytes"
        in picture.alt
    )
    np.testing.assert_allclose(picture.fig.axes[0].lines[0].get_ydata(), [1, 16])


def test_accuracy_by_window_is_drawn_and_said():
    scores = {"fades": [[0.5, 0.52], [0.5, 0.9], [1.0, 1.0]], "keeps": [[0.8] * 2] * 3}
    picture = bptt.by_window([0, 9, 10], scores, lag=10)
    assert (
        "fades: the median is near chance at τ = 0, near chance for most τ below the "
        "lag, near 1 from the lag on" in picture.alt
    )
    assert "keeps: the median is well above chance at τ = 0, well" in picture.alt
    dots = [line for line in picture.fig.axes[0].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(
        [line.get_ydata() for line in dots], np.array(scores["fades"]).T
    )
    with pytest.raises(ValueError, match="both sides of the lag 10"):
        bptt.by_window([10, 11], {"x": [[1.0], [1.0]]}, lag=10)
    with pytest.raises(ValueError, match=r"scores\['x'\] must be \(3, seeds\)"):
        bptt.by_window([0, 9, 10], {"x": [[1.0]]})
