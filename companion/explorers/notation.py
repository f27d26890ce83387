"""Explorers of notebook 01."""

from companion.explorer import Choice, Explorer, Slider
from companion.figures import notation, vocabulary, windows
from companion.tasks.examples import SENTENCES

__all__ = ["card_sorter", "ragged_batch", "unknown_words", "window_parameters"]


def card_sorter() -> Explorer:
    """Seven tasks to sort by what is a sequence; each card says whether it lies right.

    `result` maps the name of each task to whether its card is in the right column.
    """
    return Explorer(
        notation.sorter_setup,
        notation.sorter_update,
        notation.sorter_describe,
        controls={
            key: Choice(card.name, notation.COLUMNS)
            for key, card in notation.CARDS.items()
        },
        height=3.6,
    )


def ragged_batch() -> Explorer:
    """One element of a ragged batch: pick the example i and the step t."""
    return Explorer(
        notation.ragged_setup,
        notation.ragged_update,
        notation.ragged_describe,
        controls={
            "i": Slider("example i", 1, 1, len(SENTENCES), 1),
            "t": Slider("step t", 1, 4, notation.LONGEST, 1),
        },
        height=3.6,
    )


def unknown_words() -> Explorer:
    """Share of unknown words against the size of the vocabulary, on unseen text."""
    return Explorer(
        vocabulary.unknown_setup,
        vocabulary.unknown_update,
        vocabulary.unknown_describe,
        controls={
            "size": Choice(
                "vocabulary size |V|",
                (10, 30, 100, 200, 300, 500, 700, 1000),
                300,
                slider=True,
            ),
            "name": Choice("made from the story", ("keeper", "cook")),
            "held_out": Choice("unseen text", ("its own end", "the other story")),
        },
        height=4.2,
    )


def window_parameters() -> Explorer:
    """Parameters of a network over a window and of a recurrent one."""
    return Explorer(
        windows.parameters_setup,
        windows.parameters_update,
        windows.parameters_describe,
        controls={
            "window": Slider("window T", 1, 10, windows.WIDEST, 1),
            "n_x": Choice("features n_x", (8, 28, 1000, 10000), slider=True),
            "n_a": Choice("hidden units n_a", (16, 64, 256), 64, slider=True),
        },
        height=3.2,
    )
