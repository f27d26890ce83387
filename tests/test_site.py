"""The static site: pictures with words, explorers with positions, links that lead."""

import base64
import io
import json
import re
from pathlib import Path

import build_site
import jax
import nbformat
import pytest
import site_audit
import site_frames
import yaml
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)
from needed import needed_for
from PIL import Image
from stamp_address import address

from companion import explorers
from companion.controls import Choice, Slider, Text, Toggle

COURSE = Path(__file__).resolve().parent.parent
PATHS = sorted((COURSE / "notebooks").glob("*.ipynb"))
CALLED = {
    name
    for path in PATHS
    for cell in nbformat.read(path, as_version=4).cells
    if cell.cell_type == "code"
    for name in site_frames.CALL.findall(cell.source)
}

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def png(width=4, height=3):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def picture(alt="Two lines cross.", text="Two lines cross."):
    return new_output(
        "execute_result",
        {"image/png": png(), "text/plain": text},
        metadata={"image/png": {"alt": alt}} if alt else {},
    )


# positions of a control


@pytest.mark.parametrize(
    ("control", "value", "expected"),
    [
        (Slider("t", 1, 3, 4, 1), 3, [1, 2, 3, 4]),
        (Slider("t", 0, 5, 60, 1), 5, [0, 5, 20, 30, 40, 50, 60]),
        (
            Slider("w", -1.3, 0.9, 1.3, 0.05),
            0.9,
            [-1.3, -0.85, -0.45, 0, 0.45, 0.9, 1.3],
        ),
        (Choice("c", ["a", "b"]), "b", ["a", "b"]),
        (Choice("n", list(range(20)), slider=True), 4, [0, 4, 6, 10, 13, 16, 19]),
        (Toggle("on"), True, [False, True]),
    ],
)
def test_positions(control, value, expected):
    found = site_frames.positions(control, value)
    assert found == expected
    assert value in found
    assert [control.check(each) for each in found] == found


@pytest.mark.parametrize("value", range(0, 101, 7))
def test_positions_keep_the_ends_their_order_and_the_value(value):
    found = site_frames.positions(Slider("t", 0, 50, 100, 1), value)
    assert len(found) == len(set(found)) == site_frames.MOST
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, 100)
    assert value in found


def test_a_line_of_text_has_no_positions():
    with pytest.raises(ValueError, match="no range"):
        site_frames.positions(Text("x", "1 0"), "1 0")


def test_the_main_control():
    text, slider = Text("x", "1"), Slider("t", 0, 1, 2, 1)
    listed, toggle = Choice("c", ["a", "b"]), Toggle("on")
    main = site_frames.main_control
    assert main("x.y", {"x": text, "c": listed, "t": slider}) == "t"
    assert main("x.y", {"x": text, "on": toggle, "c": listed}) == "c"
    with pytest.raises(ValueError, match="nothing to move"):
        main("x.y", {"x": text})
    with pytest.raises(ValueError, match="no control"):
        main(next(iter(site_frames.MAIN)), {"t": slider})


@pytest.mark.parametrize("name", site_frames.MAIN)
def test_hand_picked_controls_are_there(name):
    assert name in CALLED
    module, function = name.split(".")
    explorer = getattr(getattr(explorers, module), function)()
    assert site_frames.MAIN[name] in explorer.controls


# what an explorer needs of its notebook


def test_only_what_is_needed_is_kept():
    code = needed_for(
        [
            "%pip install something\nimport math\nimport json",
            "a = 1\nb = 2\nprint(a)\nassert a == 1",
            "def f(x):\n    b = x + a\n    return b",
            "c = f(3)\nd = [c for c in range(9)]",
            "e = []\ne.append(c)\nprint(e)",
            "json.dumps(e)\nmath.floor(e[0])",
        ]
    )
    assert code.splitlines() == [
        "import math",
        "a = 1",
        "",
        "def f(x):",
        "    b = x + a",
        "    return b",
        "c = f(3)",
        "e = []",
        "e.append(c)",
        "_shown = math.floor(e[0])",
    ]


@pytest.mark.parametrize(
    "names",
    ["[c for c in a]", "{c for c in a}", "{c: [k for k in a] for c in a}"],
)
def test_the_names_of_a_comprehension_are_its_own(names):
    code = needed_for(["a = 'ab'\nc = 1\nk = 2", f"d = {names}", "c + k"])
    assert code.splitlines() == ["c = 1", "k = 2", "_shown = c + k"]
    code = needed_for(["a = 'ab'\nc = 1", f"d = {names}", "d"])
    assert code.splitlines() == ["a = 'ab'", f"d = {names}", "_shown = d"]


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (["x = {}\nx['a'] = 1", "y = 2", "x"], {"a": 1}),
        (["x = 1\nx += 1\nx"], 2),
        (["x = 0\nfor i in range(3):\n    x += i", "x"], 3),
        (["x = 1", "x = 5", "x = 7\nx"], 7),
        (["t = %timeit -o 1 + 1\nx = 1", "x"], 1),
        (
            # a random generator: what others draw from it moves it on
            [
                "import numpy as np\nrng = np.random.default_rng(0)",
                "first = rng.integers(100)",
                "second = int(rng.integers(100))",
                "second",
            ],
            63,
        ),
        (["from math import *", "floor(2.5)"], 2),
        (
            ["import jax", "jax.config.update('jax_enable_x64', False)", "jax.devices"],
            jax.devices,
        ),
    ],
)
def test_the_slice_gives_the_same_value(cells, value):
    names = {}
    exec(needed_for(cells), names)
    assert names["_shown"] == value


def test_a_last_line_without_a_value_is_refused():
    with pytest.raises(ValueError, match="must be an expression"):
        needed_for(["x = 1"])


def test_an_explorer_is_drawn_at_its_positions(tmp_path):
    notebook = nbformat.read(PATHS[0], as_version=4)
    (entry,) = site_frames.render(notebook, tmp_path, "00")
    assert entry["explorer"] == "start.fading_memory"
    assert entry["label"] == "recurrent weight w"
    shown = [frame for frame in entry["frames"] if frame["shown"]]
    (saved,) = notebook.cells[entry["cell"]].outputs
    assert [frame["caption"] for frame in shown] == [saved.data["text/plain"]]
    assert len({frame["caption"] for frame in entry["frames"]}) == site_frames.MOST
    pictures = [Image.open(tmp_path / frame["file"]) for frame in entry["frames"]]
    assert len({each.tobytes() for each in pictures}) == site_frames.MOST
    assert all(
        each.size == (frame["width"], frame["height"])
        for each, frame in zip(pictures, entry["frames"], strict=True)
    )


def test_an_explorer_that_says_something_else_than_its_page_is_refused(tmp_path):
    notebook = nbformat.read(PATHS[0], as_version=4)
    (index,) = site_frames.explorer_cells(notebook)
    notebook.cells[index].outputs[0].data["text/plain"] = "something else"
    with pytest.raises(ValueError, match="make notebooks"):
        site_frames.render(notebook, tmp_path, "00")


@each_notebook
def test_the_slice_of_every_explorer_is_python(path):
    notebook = nbformat.read(path, as_version=4)
    for index in site_frames.explorer_cells(notebook):
        code = needed_for(site_frames.sources(notebook, index))
        compile(code, path.name, "exec")
        assert "assert " not in code
        # what a clock says now is not what the page shows
        assert "perf_counter" not in code


def test_times_are_those_of_the_page():
    (path,) = [path for path in PATHS if path.stem.startswith("11")]
    notebook = nbformat.read(path, as_version=4)
    codes = [
        needed_for(site_frames.sources(notebook, index))
        for index in site_frames.explorer_cells(notebook)
        if any(name in notebook.cells[index].source for name in site_frames.CLOCKED)
    ]
    assert len(codes) == len(site_frames.CLOCKED)
    printed = "".join(
        output.get("text", "")
        for c in notebook.cells
        for output in c.get("outputs", ())
    )
    names = {}
    exec(site_frames.times_on_page(notebook), names)
    took = names["took"]
    assert set(took["forward"]) == {"sequential", "parallel"}
    for T, seconds in took["forward"]["parallel"].items():
        gradient = took["gradient"]["parallel"][T]
        line = f"{T:4}  parallel  {1000 * seconds:7.2f} ms{1000 * gradient:7.2f} ms"
        assert line in printed
    assert names["took"] == eval(codes[0].split("took = ")[1].splitlines()[0])


def test_a_page_without_its_table_of_times_is_refused():
    with pytest.raises(ValueError, match="no table of times"):
        site_frames.times_on_page(new_notebook(cells=[new_code_cell("1")]))


# pages


@each_notebook
def test_every_picture_of_a_page_has_its_words(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    page = build_site.prepare(notebook, path.stem, tmp_path)
    text = "".join(
        output.get("data", {}).get("text/html", "")
        for cell in page.cells
        for output in cell.get("outputs", ())
    )
    images = re.findall(r"<img [^>]*>", text)
    assert len(images) == len(list(tmp_path.iterdir())) > 0
    assert all(re.search(r' alt="[^"]{15,}"', each) for each in images)
    assert "image/png" not in json.dumps(page)
    assert "colab-badge" not in json.dumps(page)
    assert "colab.research.google.com/github" in page.cells[0].source
    nbformat.validate(page)


def test_a_picture_without_alt_text_is_refused(tmp_path):
    cell = new_code_cell("1", outputs=[picture(alt="")])
    with pytest.raises(ValueError, match="without alt text"):
        build_site.prepare(new_notebook(cells=[cell]), "x", tmp_path)


def test_an_explorer_becomes_a_strip_with_a_label(tmp_path):
    cell = new_code_cell("explorers.a.b()", outputs=[picture()])
    frames = [
        {"value": str(k), "caption": f'w = {k}: "<{k}>"', "file": f"x-{k}.webp"}
        | {"width": 4, "height": 3, "shown": k == 1}
        for k in range(3)
    ]
    entry = {"cell": 0, "explorer": "a.b", "label": "weight <w>", "frames": frames}
    page = build_site.prepare(new_notebook(cells=[cell]), "x", tmp_path, [entry])
    html = page.cells[0].outputs[0].data["text/html"]
    assert 'data-label="weight &lt;w&gt;"' in html
    assert html.count("<figure") == html.count("<figcaption>") == 3
    assert html.count('data-shown="yes"') == 1
    assert 'alt="w = 1: &quot;&lt;1&gt;&quot;"' in html
    assert html.count('width="4" height="3"') == 3


def test_links_to_a_heading_follow_the_site():
    source = "[a](07_gru.ipynb#One-gate,-two-words) [b](#What-You-see) [c](x.ipynb)"
    assert build_site.plain(source) == (
        "[a](07_gru.ipynb#one-gate-two-words) [b](#what-you-see) [c](x.ipynb)"
    )


def test_a_link_out_of_the_folder_goes_to_the_repository():
    assert build_site.plain("[a](../README.md#on-several-hosts) [b](../x) ../y") == (
        f"[a]({address()}/blob/main/README.md#on-several-hosts) "
        f"[b]({address()}/blob/main/x) ../y"
    )


def test_the_first_page_has_the_table_and_the_way_in():
    readme = (COURSE / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in PATHS]
    page = build_site.home(readme, "## Reading here\n\nSo.", titles=names)
    assert page.startswith("# Unrolled\n")
    assert "make lab" in page
    assert all(f"]({name})" in page for name in names)
    assert "](notebooks/" not in page
    assert "badge.svg" not in page
    assert page.index("Reading here") < page.index("The notebooks\n")
    with pytest.raises(ValueError, match=r"no link to notebooks/99_x\.ipynb"):
        build_site.home(readme, "", titles=["99_x.ipynb"])
    with pytest.raises(ValueError, match="needs the sections"):
        build_site.home("# Unrolled", "", titles=[])


def test_the_settings_fetch_nothing():
    settings = yaml.safe_load((COURSE / "site/_config.yml").read_text())
    assert settings["execute"]["execute_notebooks"] == "off"
    sphinx = settings["sphinx"]["config"]
    assert "sphinx_thebe" not in sphinx["extensions"]
    assert not sphinx["mathjax_path"].startswith("http")
    assert "http" not in (COURSE / "site/explorers.js").read_text()
    assert "http" not in (COURSE / "site/explorers.css").read_text()


def test_contents():
    toc = yaml.safe_load(build_site.contents(["00_a", "01_b"]))
    assert toc["root"] == "index"
    assert toc["chapters"] == [{"file": "00_a"}, {"file": "01_b"}]


# the audit


PAGE = """<html><head><title>x</title><link rel="stylesheet" href="s.css"></head>
<body id="top"><h1 id="one">x</h1><img src="p.png" alt="A line."> {}</body></html>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "s.css").write_text("body { color: red }")
    (tmp_path / "p.png").touch()
    (tmp_path / "p.js").touch()
    (tmp_path / "other.html").write_text(PAGE.format(""))
    return tmp_path


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="other.html#one">x</a> <a href="#top">x</a>', None),
        ('<a href="https://example.org/">elsewhere may be linked</a>', None),
        ('<a href="mailto:x@example.org">x</a><a href="#">x</a>', None),
        ("<details><summary>a</summary>b</details>", None),
        ('<a href="gone.html">x</a>', "a dead link: gone.html"),
        ('<a href="other.html#two">x</a>', "no such place on that page"),
        ('<a href="#two">x</a>', "no such place on that page"),
        ('<img src="gone.png" alt="A line.">', "a dead link: gone.png"),
        ('<img src="p.png">', "a picture without alt text: p.png"),
        ('<img src="p.png" alt=" ">', "a picture without alt text: p.png"),
        ('<img src="https://example.org/p.png" alt="A line.">', "from the network"),
        ('<script src="//example.org/x.js"></script>', "from the network"),
        ('<link rel="preload" href="https://example.org/x">', "from the network"),
        ('<iframe src="https://example.org/x"></iframe>', "from the network"),
        ('<script>load("https://example.org")</script>', "holds a web address"),
        ('<script src="p.js"></script>', None),
        (2 * '<script src="p.js?v=1"></script>', "a script is loaded twice: p.js"),
    ],
)
def test_the_audit(site, body, fault):
    (site / "index.html").write_text(PAGE.format(body))
    found = site_audit.problems(site)
    if fault is None:
        assert found == []
    else:
        (line,) = found
        assert line.startswith("index.html: ")
        assert fault in line
    assert site_audit.main([str(site)]) == int(bool(fault))


def test_the_audit_reads_style_sheets_and_wants_pages(site, tmp_path_factory):
    (site / "s.css").write_text('@font-face { src: url("https://example.org/f") }')
    assert site_audit.problems(site) == ["s.css: fetches from the network"]
    with pytest.raises(ValueError, match="no HTML pages"):
        site_audit.problems(tmp_path_factory.mktemp("empty"))


def test_markdown_cells_lose_nothing_but_the_badge(tmp_path):
    text = "# T\n\n[![Open in Colab](https://x/b.svg)](https://y)\n\n$a^{<t>}$ {{ x }}"
    page = build_site.prepare(
        new_notebook(cells=[new_markdown_cell(text)]), "x", tmp_path
    )
    assert page.cells[0].source == (
        "# T\n\n[Open in Colab](https://y)\n\n$a^{<t>}$ {{ x }}"
    )
