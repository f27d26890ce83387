"""Tales: short stories made by rule, whose entropy is known to the last digit.

Six sentences to a tale. Who it is about, the animal, the thing, the place, the weather
and what is wrong with the thing are drawn once, each word as likely as the others of
its kind, and hold for the whole tale. Each sentence is put in one of two ways. So all
the surprise of a tale is in the first mention of each word and in the ways it is put;
whoever remembers them knows the rest, and whoever sees a few characters back does not.
"""

import math

import numpy as np

from companion import validate

__all__ = ["CHOICES", "SENTENCES", "entropy_per_character", "tales"]

CHOICES = {
    "name": "ada bruno clara dagny emil frida gustav hanna ivo jorun karl lotte",
    "animal": "heron goat donkey otter raven ferret badger toad hound mole",
    "thing": "lantern ladder kettle fiddle barrel mirror bucket trumpet clock saddle",
    "place": "harbour mill market orchard quarry chapel bridge tavern lighthouse forge",
    "weather": "foggy windy frosty rainy sunny stormy",
    "fault": "cracked rusty stolen crooked mouldy borrowed haunted painted",
}
SENTENCES = (
    (
        "{name} had a {animal} and a {thing}.",
        "there was once {name}, who had a {animal} and a {thing}.",
    ),
    (
        "on a {weather} day {name} took the {thing} to the {place}.",
        "one {weather} morning {name} carried the {thing} to the {place}.",
    ),
    ("the {animal} came too.", "the {animal} would not stay at home."),
    (
        "at the {place} they found that the {thing} was {fault}.",
        "but the {thing} was {fault}, as all the {place} could see.",
    ),
    (
        "who buys a {fault} {thing} on a {weather} day?",
        "nobody wants a {fault} {thing} in {weather} weather.",
    ),
    (
        "so {name} left it at the {place} and went home with the {animal}.",
        "so {name} gave the {thing} to the {animal}, and they left the {place}.",
    ),
)
WORDS = {kind: tuple(words.split()) for kind, words in CHOICES.items()}


def tales(n_characters: int, seed: int = 0) -> str:
    """Tales one after the other, a line each, cut at `n_characters`.

    Lower-case letters, space, full stop, comma, question mark and line end. The same
    seed gives the same text, and a longer one begins with the shorter.
    """
    n_characters = validate.positive_int("n_characters", n_characters)
    rng = np.random.default_rng(seed)
    text, length = [], 0
    while length < n_characters:
        drawn = {kind: words[rng.integers(len(words))] for kind, words in WORDS.items()}
        ways = rng.integers(2, size=len(SENTENCES))
        said = (pair[way] for pair, way in zip(SENTENCES, ways, strict=True))
        text.append(" ".join(said).format(**drawn) + "\n")
        length += len(text[-1])
    return "".join(text)[:n_characters]


def entropy_per_character() -> float:
    """The entropy of a tale over its mean length, in nats: no model can do better.

    Different choices never make the same tale, so a tale's entropy is the logarithm of
    the number of its equally likely forms: the product of the sizes of the six lists,
    times 2 for each sentence. The mean length follows sentence by sentence.
    """
    forms = math.prod(len(words) for words in WORDS.values()) * 2 ** len(SENTENCES)
    mean_word = {k: sum(map(len, words)) / len(words) for k, words in WORDS.items()}
    length = len(SENTENCES)  # the spaces between them and the line end
    for pair in SENTENCES:
        for way in pair:
            holes = sum(way.count(f"{{{k}}}") * mean_word[k] for k in WORDS)
            fixed = len(way.format(**dict.fromkeys(WORDS, "")))
            length += (holes + fixed) / 2
    return math.log(forms) / length
