"""Explorer of notebook 07: how networks learn to say was or were, look by look."""

from companion.explorer import Choice, Explorer
from companion.figures import agreement as pictures

__all__ = ["practice"]


def practice(scores: pictures.Practice | None = None) -> Explorer:
    """Accuracy over training and by distance, with attractors of a chosen number.

    scores: how the networks did, a `companion.figures.agreement.Practice`; without it,
    two readers that need no training. `result` is a `figures.agreement.Shown`. Raises
    ValueError for scores of a shape that does not fit.
    """
    scores = pictures.checked(pictures.readers() if scores is None else scores)
    steps, distances = (tuple(map(int, known)) for known in scores[:2])
    kinds, settings = list(pictures.KINDS), list(scores.scores)
    controls = {
        "distance": Choice("distance", list(distances), distances[-1], slider=True),
        "kind": Choice("attractors", kinds, "free"),
    }
    fixed = {"step": steps[0]}
    if len(steps) > 1:
        # the last look that all of them have had
        looks = min(len(v) for named in scores.scores.values() for v in named.values())
        last = steps[looks - 1]
        controls["step"] = Choice("training steps", list(steps), last, slider=True)
    if len(settings) > 1:
        controls["setting"] = Choice("learning rate", settings)
    return Explorer(
        lambda fig, **values: pictures.practice_setup(fig, scores),
        lambda artists, **values: pictures.practice_update(artists, **fixed | values),
        pictures.practice_describe,
        controls=controls,
        height=3.4,
    )
