"""Exercises of notebook 09: turn with lengths, both directions, ceilings, chunks."""

import numpy as np

from companion.cells import RNNParams
from companion.exercises.check import Exercise, Mistake

__all__ = ["best_score", "bidirectional", "heard", "turn_within"]


def _turn(xs, lengths):
    turned = xs.copy()
    for row, n in enumerate(lengths):
        turned[row, :n] = xs[row, :n][::-1]
    return turned


def _padding_first(xs, lengths):
    return xs[:, ::-1].copy()


def _padding_zeroed(xs, lengths):
    turned = _turn(xs, lengths)
    for row, n in enumerate(lengths):
        turned[row, n:] = 0
    return turned


def _padding_turned(xs, lengths):
    turned = _turn(xs, lengths)
    for row, n in enumerate(lengths):
        turned[row, n:] = xs[row, n:][::-1]
    return turned


def _to_the_longest(xs, lengths):
    return _turn(xs, [max(lengths)] * len(xs))


def _to_the_first(xs, lengths):
    return _turn(xs, [lengths[0]] * len(xs))


def _one_short(xs, lengths):
    return _turn(xs, np.maximum(lengths - 1, 0))


def _one_too_many(xs, lengths):
    return _turn(xs, lengths + 1)


def _rows_turned(xs, lengths):
    return xs[::-1].copy()


def _features_turned(xs, lengths):
    turned = xs.copy()
    for row, n in enumerate(lengths):
        turned[row, :n] = xs[row, :n, ::-1]
    return turned


def _both_axes_turned(xs, lengths):
    turned = xs.copy()
    for row, n in enumerate(lengths):
        turned[row, :n] = xs[row, :n][::-1, ::-1]
    return turned


def _nothing_turned(xs, lengths):
    return xs.copy()


def _turn_cases():
    """Padding is not 0, nor one value; the longest may be shorter than T, or not."""
    rng = np.random.default_rng(91)
    return (
        (rng.normal(size=(3, 6, 2)), np.array([4, 2, 5])),
        (rng.normal(size=(3, 5, 3)), np.array([3, 5, 1])),
    )


turn_within = Exercise(
    title="Turned within its length",
    solution=_turn,
    cases=_turn_cases(),
    mistakes=(
        Mistake(
            "padding in front",
            "The whole padded array is turned round, so the network going left meets "
            "the padding first. Turn each row within its own length.",
            _padding_first,
        ),
        Mistake(
            "padding turned too",
            "The sentences are right, but the padding is turned as well. It should "
            "stay as it is.",
            _padding_turned,
        ),
        Mistake(
            "padding zeroed",
            "The sentences are right, but the padding has become 0. It should stay as "
            "it is.",
            _padding_zeroed,
        ),
        Mistake(
            "the longest length",
            "Every row is turned within the longest length. Each has its own.",
            _to_the_longest,
        ),
        Mistake(
            "the first length",
            "Every row is turned within the length of the first. Each has its own.",
            _to_the_first,
        ),
        Mistake(
            "one step short",
            "The last real step stays behind: n steps are xs[row, :n].",
            _one_short,
        ),
        Mistake(
            "one step too many",
            "A step of padding is turned with the sentence: n steps are xs[row, :n].",
            _one_too_many,
        ),
        Mistake(
            "batch turned",
            "The order of the sentences is turned round, not the steps in them: time "
            "is the second axis.",
            _rows_turned,
        ),
        Mistake(
            "features turned",
            "The features of each step are turned round, not the steps: time is the "
            "second axis.",
            _features_turned,
        ),
        Mistake(
            "features turned too",
            "The steps are right, but the features in each of them are turned as well.",
            _both_axes_turned,
        ),
        Mistake(
            "not turned",
            "Nothing has been turned round.",
            _nothing_turned,
        ),
    ),
    passed="Now no answer depends on how much padding its neighbours brought along.",
)


def _states(params, xs, start=None):
    a = np.zeros(len(params.b_a)) if start is None else start
    found = []
    for x in xs:
        a = np.tanh(params.W_a @ np.concatenate([a, x]) + params.b_a)
        found.append(a)
    return np.stack(found)


def _ahead_and_back(forward, backward, xs):
    return _states(forward, xs), _states(backward, xs[::-1])[::-1]


def _joined(ahead, back):
    return np.concatenate([ahead, back], axis=1)


def _both(merge=_joined):
    """The layer, its two directions put together in some way."""

    def layer(forward, backward, xs):
        return merge(*_ahead_and_back(forward, backward, xs))

    return layer


def _shared(forward, backward, xs):
    return _both()(forward, forward, xs)


def _weights_swapped(forward, backward, xs):
    return _both()(backward, forward, xs)


def _not_read_backward(forward, backward, xs):
    return _joined(_states(forward, xs), _states(backward, xs))


def _output_turned_only(forward, backward, xs):
    return _joined(_states(forward, xs), _states(backward, xs)[::-1])


def _reads_the_states(forward, backward, xs):
    ahead = _states(forward, xs)
    return _joined(ahead, _states(backward, ahead[::-1])[::-1])


def _starts_from_the_last(forward, backward, xs):
    ahead = _states(forward, xs)
    return _joined(ahead, _states(backward, xs[::-1], start=ahead[-1])[::-1])


def _without_the_present(ahead, back):
    return _joined(ahead, np.concatenate([back[1:], np.zeros_like(back[:1])]))


def _last_of_each(ahead, back):
    return np.concatenate([ahead[-1], back[0]])


def _last_read_repeated(ahead, back):
    return _joined(ahead, np.broadcast_to(back[0], back.shape))


def _without_biases(forward, backward, xs):
    params = [p._replace(b_a=0 * p.b_a) for p in (forward, backward)]
    return _both()(*params, xs)


def _both_cases():
    """n_a = n_x, and as many both ways: one may read the other, or be added to it."""
    rng = np.random.default_rng(92)

    def params():
        return RNNParams(rng.normal(size=(3, 6)), rng.normal(size=3))

    return tuple((params(), params(), rng.normal(size=(T, 3))) for T in (4, 5))


bidirectional = Exercise(
    title="Both directions together",
    solution=_both(),
    cases=_both_cases(),
    tolerance=1e-5,  # a right answer may be in float32
    mistakes=(
        Mistake(
            "not turned back",
            "The states of the second network are not turned back: row t must hold "
            "what it thinks of x<t>, and not of the t-th word from the end.",
            _both(lambda ahead, back: _joined(ahead, back[::-1])),
        ),
        Mistake(
            "reads left to right",
            "Both networks read from left to right: the second should begin with the "
            "last word.",
            _not_read_backward,
        ),
        Mistake(
            "only the output turned",
            "The second network reads from left to right, and its states are turned "
            "round afterwards. It has to read from the end.",
            _output_turned_only,
        ),
        Mistake(
            "shared weights",
            "Both directions use the weights of the first. Each has its own.",
            _shared,
        ),
        Mistake(
            "weights swapped",
            "Each direction uses the weights of the other.",
            _weights_swapped,
        ),
        Mistake(
            "backward first",
            "The halves have changed places: [forward, backward].",
            _both(lambda ahead, back: _joined(back, ahead)),
        ),
        Mistake(
            "summed",
            'The two are added, as merge="sum" does. Here they stand side by side.',
            _both(lambda ahead, back: ahead + back),
        ),
        Mistake(
            "averaged",
            "The two are averaged: put them side by side.",
            _both(lambda ahead, back: (ahead + back) / 2),
        ),
        Mistake(
            "one below the other",
            "The two are joined along time, so there are 2 T steps. Join the features: "
            "axis=1.",
            _both(lambda ahead, back: np.concatenate([ahead, back])),
        ),
        Mistake(
            "reads the states",
            "The second network reads the states of the first. That is a tower; here "
            "both read x.",
            _reads_the_states,
        ),
        Mistake(
            "starts from the last state",
            "The second network starts where the first one ended. It starts from "
            "zeros, like the first.",
            _starts_from_the_last,
        ),
        Mistake(
            "without the present",
            "Row t holds the second network's state before it has read x<t>. Both "
            "have read x<t>.",
            _both(_without_the_present),
        ),
        Mistake(
            "last states only",
            "These are the two last states, one vector for the whole sequence. A row "
            "for every step is asked for.",
            _both(_last_of_each),
        ),
        Mistake(
            "last state everywhere",
            "Every row holds the second network's last state. Row t wants the one it "
            "has after reading x<t>.",
            _both(_last_read_repeated),
        ),
        Mistake("no biases", "The biases are missing.", _without_biases),
    ),
    passed="Every row has now heard the whole sequence.",
)


def _visible(words, t, ahead):
    return words[: t + ahead + 1]


def _grouped(rows, ahead, visible=_visible):
    """For everything that may be seen: the probability of each tag."""
    seen = {}
    for words, t, tag, p in rows:
        tags = seen.setdefault((t, visible(words, t, ahead)), {})
        tags[tag] = tags.get(tag, 0) + p
    return [list(tags.values()) for tags in seen.values()]


def _ceiling(visible=_visible):
    """The best score of a tagger that sees this much."""

    def score(rows, ahead):
        return sum(max(tags) for tags in _grouped(rows, ahead, visible))

    return score


def _each_row_counts_alike(rows, ahead):
    return _ceiling()([(*row[:3], 1 / len(rows)) for row in rows], ahead)


def _each_view_counts_alike(rows, ahead):
    return np.mean([max(tags) / sum(tags) for tags in _grouped(rows, ahead)])


def _in_proportion(rows, ahead):
    groups = _grouped(rows, ahead)
    return sum(p**2 / sum(tags) for tags in groups for p in tags)


def _one_bet_for_all(rows, ahead):
    tags = {}
    for _, _, tag, p in rows:
        tags[tag] = tags.get(tag, 0) + p
    return max(tags.values())


def _overwritten(rows, ahead):
    seen = {}
    for words, t, tag, p in rows:
        seen.setdefault((t, _visible(words, t, ahead)), {})[tag] = p
    return sum(max(tags.values()) for tags in seen.values())


def _likeliest_sentence(rows, ahead):
    seen = {}
    for words, t, _, p in rows:
        seen.setdefault((t, _visible(words, t, ahead)), []).append(p)
    return sum(max(found) for found in seen.values())


def _settled_only(rows, ahead):
    return sum(tags[0] for tags in _grouped(rows, ahead) if len(tags) == 1)


def _all_of_it(rows, ahead):
    return sum(row[3] for row in rows)


def _table():
    """Forty sentences: a word decided by the left, the right, both, or nowhere."""
    rng = np.random.default_rng(93)
    rows = []
    for left, fillers in (
        (left, ("um",) * n)
        for left in (("he", "said"), ("she", "said"), ("in",), ("they", "all", "met"))
        for n in (0, 1, 2)
    ):
        for right in ("roosevelt", "bears", "smiled"):
            if left == ("in",):
                tag = "PLACE"
            elif right == "smiled":
                tag = "TOY" if left[0] == "he" else "PER"
            else:
                tag = "PER" if right == "roosevelt" else "TOY"
            words = (*left, "teddy", *fillers, right)
            rows.append((words, len(left), tag, float(rng.exponential())))
            if left == ("in",) and right == "smiled":  # the same words, another tag
                rows.append((words, len(left), "PER", float(rng.exponential())))
    total = sum(row[3] for row in rows)
    return [(*row[:3], row[3] / total) for row in rows]


best_score = Exercise(
    title="The ceiling",
    solution=_ceiling(),
    cases=tuple((_table(), ahead) for ahead in (0, 1, 2)),
    mistakes=(
        Mistake(
            "sees everything",
            "This tagger sees the whole sentence: it may read no further than word "
            "t + ahead.",
            _ceiling(lambda words, t, ahead: words),
        ),
        Mistake(
            "no look-ahead",
            "This tagger sees nothing after word t, whatever `ahead` is.",
            _ceiling(lambda words, t, ahead: words[: t + 1]),
        ),
        Mistake(
            "one word more",
            "This tagger sees one word too many: words 0 to t + ahead are "
            "words[: t + ahead + 1].",
            _ceiling(lambda words, t, ahead: words[: t + ahead + 2]),
        ),
        Mistake(
            "one word less",
            "This tagger sees one word too few: words 0 to t + ahead are "
            "words[: t + ahead + 1].",
            _ceiling(lambda words, t, ahead: words[: t + ahead]),
        ),
        Mistake(
            "deaf to the left",
            "This tagger has forgotten what stands on the left of word t.",
            _ceiling(lambda words, t, ahead: words[t : t + ahead + 1]),
        ),
        Mistake(
            "one bet for all",
            "This is the score of always betting on one tag. The best tagger bets "
            "anew for everything it may see.",
            _one_bet_for_all,
        ),
        Mistake(
            "in proportion",
            "This tagger guesses each tag as often as it is right. To bet always on "
            "the likeliest scores more.",
            _in_proportion,
        ),
        Mistake(
            "sentences count alike",
            "Every sentence counts the same here. They have probabilities.",
            _each_row_counts_alike,
        ),
        Mistake(
            "views count alike",
            "The scores are averaged over the different beginnings, but some are much "
            "likelier than others: add up probabilities.",
            _each_view_counts_alike,
        ),
        Mistake(
            "overwritten",
            "A sentence overwrites the one before it that looks the same and has the "
            "same tag. Their probabilities add up.",
            _overwritten,
        ),
        Mistake(
            "likeliest sentence",
            "This bets on the likeliest sentence. Bet on the likeliest tag: several "
            "sentences may share it.",
            _likeliest_sentence,
        ),
        Mistake(
            "settled only",
            "Only what is certain counts here. Where it is not, the best bet still "
            "wins sometimes.",
            _settled_only,
        ),
        Mistake(
            "all of it",
            "All the probabilities are added up. Of each beginning only the likeliest "
            "tag can be won.",
            _all_of_it,
        ),
    ),
    passed="No tagger that sees so much can do better, however it was trained.",
)


def _grid(T):
    return np.arange(T)[:, None], np.arange(T)


def _heard(T, chunk):
    t, k = _grid(T)
    return k < (t // chunk + 1) * chunk


def _heard_transposed(T, chunk):
    return _heard(T, chunk).T


def _own_chunk_only(T, chunk):
    t, k = _grid(T)
    return t // chunk == k // chunk


def _past_only(T, chunk):
    t, k = _grid(T)
    return k <= t


def _everything(T, chunk):
    return np.ones((T, T), bool)


def _next_chunk_too(T, chunk):
    t, k = _grid(T)
    return k // chunk <= t // chunk + 1


def _first_of_the_next(T, chunk):
    t, k = _grid(T)
    return k <= (t // chunk + 1) * chunk


def _look_ahead(T, chunk):
    t, k = _grid(T)
    return k <= t + chunk


def _look_ahead_less_one(T, chunk):
    t, k = _grid(T)
    return k < t + chunk


def _finished_chunks_only(T, chunk):
    t, k = _grid(T)
    return k < t // chunk * chunk


def _past_of_the_chunk(T, chunk):
    return _own_chunk_only(T, chunk) & _past_only(T, chunk)


def _own_chunk_ahead(T, chunk):
    t, k = _grid(T)
    return (k >= t) & _own_chunk_only(T, chunk)


heard = Exercise(
    title="What a chunk lets through",
    solution=_heard,
    cases=((7, 3), (6, 2), (5, 4)),
    mistakes=(
        Mistake(
            "transposed",
            "Rows and columns have changed places: row t is for output t.",
            _heard_transposed,
        ),
        Mistake(
            "own chunk only",
            "Here an output hears its own chunk and nothing before it. The network "
            "going right carries its state from chunk to chunk.",
            _own_chunk_only,
        ),
        Mistake(
            "past only",
            "This is a network that only goes right. The other one reads the rest of "
            "the chunk.",
            _past_only,
        ),
        Mistake(
            "everything",
            "Every output hears every step: that needs the whole sequence.",
            _everything,
        ),
        Mistake(
            "next chunk too",
            "The next chunk is heard as well. It has not been read yet.",
            _next_chunk_too,
        ),
        Mistake(
            "one step too far",
            "The first step of the next chunk is heard as well: < and not <=.",
            _first_of_the_next,
        ),
        Mistake(
            "look-ahead",
            "This is a look-ahead of `chunk` steps for every output. In a chunk the "
            "last step has no future at all.",
            _look_ahead,
        ),
        Mistake(
            "look-ahead, one less",
            "Each output hears `chunk` - 1 steps ahead here. In a chunk the first step "
            "hears so far, and the last hears no future at all.",
            _look_ahead_less_one,
        ),
        Mistake(
            "finished chunks only",
            "Only the chunks before are heard. The chunk of step t belongs to it.",
            _finished_chunks_only,
        ),
        Mistake(
            "past of the chunk",
            "Here an output hears the past within its chunk: both the state carried "
            "over and the rest of the chunk are missing.",
            _past_of_the_chunk,
        ),
        Mistake(
            "future of the chunk",
            "Here an output hears the rest of its chunk and no past.",
            _own_chunk_ahead,
        ),
    ),
    passed="The price of a chunk is paid by its last step, which hears no future.",
)
