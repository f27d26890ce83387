"""The ledger of claims: each one has a cell that could fail, and the text admits it."""

import ast
import tomllib
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

HERE = Path(__file__).parent
LEDGER = tomllib.loads((HERE / "claims.toml").read_text(encoding="utf-8"))["claim"]
N_CLAIMS = 102
LONGEST = 2 * 88  # characters: two lines of code
FIELDS = {"id", "says", "notebooks", "reproduced", "note", "told"}

each_claim = pytest.mark.parametrize(
    "claim", LEDGER, ids=[f"claim-{claim['id']}" for claim in LEDGER]
)


def read_all() -> dict[str, list]:
    """The cells of each notebook, by the name of its file without the ending."""
    found = sorted((HERE.parent / "notebooks").glob("*.ipynb"))
    return {path.stem: nbformat.read(path, as_version=4).cells for path in found}


NOTEBOOKS = read_all()


def tagged(cells, number: int) -> list[int]:
    """The places of the cells with the tag of this claim."""
    tag = f"claim-{number}"
    return [i for i, cell in enumerate(cells) if tag in cell.metadata.get("tags", ())]


def assertions(source: str) -> list[ast.Assert]:
    """The assertions of a cell that could fail: each compares or calls something."""
    tree = ast.parse(TransformerManager().transform_cell(source))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    return [a for a in found if any(isinstance(n, ast.Name) for n in ast.walk(a.test))]


def beside(cells, place: int) -> list[str]:
    """The text next before and next after a cell."""
    sides = cells[:place][::-1], cells[place + 1 :]
    texts = ([c.source for c in side if c.cell_type == "markdown"] for side in sides)
    return [text[0] for text in texts if text]


def test_the_numbers_run_from_the_first_claim_to_the_last():
    assert [claim["id"] for claim in LEDGER] == list(range(1, N_CLAIMS + 1))


def test_every_sentence_is_short_and_its_own():
    says = [claim["says"] for claim in LEDGER]
    assert len(set(says)) == len(says)
    for sentence in says:
        assert len(sentence) <= LONGEST and "\n" not in sentence, sentence
        assert sentence[0].isupper() and sentence.endswith("."), sentence


@each_claim
def test_a_claim_is_asserted_in_its_notebooks(claim):
    for name in claim["notebooks"]:
        assert name in NOTEBOOKS, f"there is no notebook {name}"
        places = tagged(NOTEBOOKS[name], claim["id"])
        assert places, f"{name} has no cell for it"
        for place in places:
            cell = NOTEBOOKS[name][place]
            where = f"{name}, cell {cell.id}"
            assert cell.cell_type == "code", f"{where}: text asserts nothing"
            asserted = assertions(cell.source)
            assert asserted, f"{where}: no assertion"
            assert any(a.msg for a in asserted), f"{where}: no message says what failed"


@each_claim
def test_what_did_not_reproduce_is_admitted_beside_the_cell(claim):
    assert set(claim) <= FIELDS, "a field with a wrong name"
    reproduced = claim.get("reproduced", True)
    assert reproduced in (True, False, "in part")
    if reproduced is True:
        assert {"note", "told"}.isdisjoint(claim), "a note, but nothing to note"
        return
    assert claim["note"].endswith(".") and len(claim["note"]) <= LONGEST
    assert len(claim["told"].split()) >= 4, "too short to be found by chance"
    texts = [
        text
        for name in claim["notebooks"]
        for place in tagged(NOTEBOOKS[name], claim["id"])
        for text in beside(NOTEBOOKS[name], place)
    ]
    assert any(claim["told"] in text for text in texts), "no text beside it says so"


def test_no_cell_is_tagged_for_a_claim_that_is_not_in_the_ledger():
    known = {(name, claim["id"]) for claim in LEDGER for name in claim["notebooks"]}
    for name, cells in NOTEBOOKS.items():
        for cell in cells:
            for tag in cell.metadata.get("tags", ()):
                if tag.startswith("claim-"):
                    number = int(tag.removeprefix("claim-"))
                    assert (name, number) in known, f"{name}, {cell.id}: {tag}"


@pytest.mark.parametrize(
    ("source", "n"),
    [
        ("assert x > 1, 'message'", 1),
        ("assert True, 'message'", 0),
        ("assert 1 < 2", 0),
        ("print(x)", 0),
        ("took = %timeit -q -o f()\nassert took.best < 1, 'slow'", 1),
        ("for x in xs:\n    assert x\nassert y == 2", 2),
    ],
)
def test_what_counts_as_an_assertion(source, n):
    assert len(assertions(source)) == n
