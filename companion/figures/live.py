"""A figure drawn again and again: only what changes is drawn (blitting)."""

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from companion.figures import style

__all__ = ["Live"]


class Live:
    """A settled figure and the artists in it that change.

    Everything else is drawn once and kept as a background. A change outside the given
    artists is noticed, and then the whole figure is drawn again.

    Args:
        fig: a figure of `style.figure`, with everything drawn on it.
        artists: an artist, or lists, tuples, arrays and mappings of them.
    """

    def __init__(self, fig: Figure, artists: object):
        self._fig = fig
        self._artists = artists
        self._background = None
        with style.drawing():
            style.settle(fig)

    def png(self, level: int = 9) -> bytes:
        """The figure as it is now; `level` 1 is quick, 9 is small."""
        with style.drawing():
            self._draw()
            return style.encode(self._fig.canvas, level)

    def _draw(self) -> None:
        canvas = self._fig.canvas
        # looked up each time: an update may have replaced an artist by another
        artists = sorted(leaves(self._artists), key=lambda artist: artist.zorder)
        for artist in artists:
            artist.set_animated(True)  # leaves it out of the background
        # Matplotlib marks a figure stale if anything but an animated artist changed.
        if self._background is None or self._fig.stale:
            canvas.draw()
            self._background = canvas.copy_from_bbox(self._fig.bbox)
        else:
            canvas.restore_region(self._background)
        for artist in artists:
            self._fig.draw_artist(artist)


def leaves(artists: object) -> Iterator[Artist]:
    """Every artist in a nesting; whatever else is in there is passed over."""
    if isinstance(artists, Artist):
        yield artists
    elif isinstance(artists, Mapping):
        yield from leaves(list(artists.values()))
    elif isinstance(artists, list | tuple) or (
        isinstance(artists, np.ndarray) and artists.dtype == object
    ):
        for inner in artists:
            yield from leaves(inner)
