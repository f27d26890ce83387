"""Small examples to point at: what a sequence is in seven tasks, and a tagged batch."""

from typing import NamedTuple

__all__ = ["APPLICATIONS", "SENTENCES", "TAGS", "Application", "Tagged"]


class Application(NamedTuple):
    """One example of a task: its name, the input x and the target y, step by step."""

    name: str
    x: tuple[str, ...]
    y: tuple[str, ...]

    @property
    def sequence(self) -> str:
        """Which of the two is a sequence: "input", "output", "both" or "neither"."""
        long = len(self.x) > 1, len(self.y) > 1
        return {
            (True, True): "both",
            (True, False): "input",
            (False, True): "output",
            (False, False): "neither",
        }[long]


class Tagged(NamedTuple):
    """A sentence: its words x and one tag for each of them, y."""

    x: tuple[str, ...]
    y: tuple[str, ...]


TAGS = ("O", "PER", "LOC")  # anything else, part of a person's name, of a place's

SENTENCES = (
    Tagged(
        tuple("Harry Potter and Hermione Granger invented a new spell".split()),
        tuple("PER PER O PER PER O O O O".split()),
    ),
    Tagged(
        tuple("Ada Lovelace wrote to London".split()), tuple("PER PER O O LOC".split())
    ),
    Tagged(tuple("the keeper counted seven ships before dark".split()), ("O",) * 7),
    Tagged(tuple("Oslo sleeps".split()), ("LOC", "O")),
)


def _frames(what: str, n: int) -> tuple[str, ...]:
    return tuple(f"{what} {t}" for t in range(1, n + 1))


APPLICATIONS = (
    # 1.2 seconds of sound, described every 10 milliseconds
    Application("speech recognition", _frames("sound frame", 120), ("good", "morning")),
    Application("music generation", ("lullaby",), _frames("note", 16)),
    Application(
        "sentiment classification",
        tuple("a long film about nothing much".split()),
        ("2 stars",),
    ),
    # for each base: does it belong to a gene (g) or not (.)?
    Application(
        "DNA sequence analysis", tuple("TTGATGGCCTGACA"), tuple("...ggggggggg..")
    ),
    Application(
        "machine translation",
        tuple("il y a une lampe".split()),
        tuple("there is a lamp".split()),
    ),
    # three seconds of film at 25 pictures a second
    Application("video activity recognition", _frames("picture", 75), ("waving",)),
    Application("named entity recognition", SENTENCES[0].x, SENTENCES[0].y),
)
