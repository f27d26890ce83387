"""Person, toy or place? Words whose tag is decided by the left, the right, or both.

    he said teddy um roosevelt         right: a president (.6) or a toy (.4)
    mr jordan they slept               left: a person after mr, a place after near
    they bought victoria er asleep     both: no person is bought, no place is asleep

Between an ambiguous word and the clue on its right stand 0 to 3 hesitations, so a
tagger that waits for k more words sees the clue in some clauses and not in others.
`Teddy().ceiling(k)` says how many; `companion.tasks.clauses` says what else there is.
"""

import itertools
from dataclasses import dataclass
from typing import ClassVar

from companion.tasks.clauses import FILLERS, TAGS, Clause, Grammar

__all__ = ["FILLERS", "TAGS", "Lincoln", "Teddy"]


@dataclass(frozen=True)
class Teddy(Grammar):
    """The grammar of the lecture's example, with all its probabilities known.

        right  .4  he|she said teddy FILLERS roosevelt(.6)|bears(.4)
        left   .2  mr|mrs|in|near paris|jordan they slept|sang
        both   .4  they bought|visited|hugged victoria FILLERS asleep|unsold|thriving

    Where nothing is said, the choices are equally likely. In the last line each word on
    the left rules out one of PER, TOY, PLACE (bought: PER, visited: TOY, hugged:
    PLACE), each on the right one too (asleep: PLACE, unsold: PER, thriving: TOY), and
    the two never the same one; so a single side leaves two tags, equally likely.
    """

    def spelled(self, filled):
        found = []
        for who, (row, p), (name, share) in itertools.product(
            ("he", "she"), filled, (("roosevelt", 0.6), ("bears", 0.4))
        ):
            tag = "PER" if name == "roosevelt" else "TOY"
            words = (who, "said", "teddy", *row, name)
            tags = ("O", "O", tag, *["O"] * len(row), tag)
            found.append(Clause(words, tags, 2, "right", 0.4 * share * p / 2))
        for before, name, verb in itertools.product(
            ("mr", "mrs", "in", "near"), ("paris", "jordan"), ("slept", "sang")
        ):
            tag = "PER" if before in ("mr", "mrs") else "PLACE"
            words = (before, name, "they", verb)
            found.append(Clause(words, ("O", tag, "O", "O"), 1, "left", 0.2 / 16))
        not_left = {"bought": "PER", "visited": "TOY", "hugged": "PLACE"}
        not_right = {"asleep": "PLACE", "unsold": "PER", "thriving": "TOY"}
        for left, (row, p), right in itertools.product(not_left, filled, not_right):
            possible = {*TAGS[1:]} - {not_left[left], not_right[right]}
            if len(possible) == 1:
                words = ("they", left, "victoria", *row, right)
                tags = ("O", "O", *possible, *["O"] * len(row), "O")
                found.append(Clause(words, tags, 2, "both", 0.4 * p / 6))
        return found


@dataclass(frozen=True)
class Lincoln(Grammar):
    """One clause whose tag is the XOR of a clue on the left and a clue on the right.

        it was really|not lincoln FILLERS the man|town      all equally likely

    "really ... man" and "not ... town" make a PER, the other two a PLACE. Either clue
    alone leaves both tags equally likely: `ceiling()` and `ceiling(None, behind=0)` are
    1/2. But it is not enough to read both sides.

    Why one bidirectional layer fails. Its readout adds a score from each direction,
    W_y [a->, a<-] = W-> a-> + W<- a<-. Let D(l, r) be the score of PER minus that of
    PLACE where the left side is l and the right side r (word, fillers, rest of the
    sentence); then D(l, r) = f(l) + g(r), whatever the cells and their widths. For any
    two left sides and two right sides

        D(really, man) + D(not, town) = D(really, town) + D(not, man).

    To be right at all four, both terms on the left have to be positive and both on the
    right negative (one sign may be zero, where a tie falls that way): a contradiction.
    At most three of the four are right. The four are equally likely for every row of
    fillers and every rest of the sentence, so the mean over all of them is at most 3/4:
    `additive_ceiling`. It is reached, for example by f = 1 for really, -1 for not, and
    g = 0 for man, 2 for town: only "really ... town" is wrong. A second layer, or a
    nonlinearity in the readout, has the two directions before it together and is not
    bound by it.
    """

    additive_ceiling: ClassVar[float] = 0.75

    def spelled(self, filled):
        found = []
        for left, (row, p), right in itertools.product(
            ("really", "not"), filled, ("man", "town")
        ):
            tag = "PER" if (left == "really") == (right == "man") else "PLACE"
            words = ("it", "was", left, "lincoln", *row, "the", right)
            tags = (*["O"] * 3, tag, *["O"] * (len(row) + 2))
            found.append(Clause(words, tags, 3, "both", p / 4))
        return found
