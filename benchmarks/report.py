"""The report of `python -m benchmarks` as Markdown and as a picture."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks import headline
from benchmarks.goals import goals
from benchmarks.machine import name_of, quiet_or_not

__all__ = ["ALT", "markdown", "picture"]

ALT = "Training speed of each library relative to the reference, by cell, size, length"
# Okabe and Ito's colours, and a shape each: nobody needs the colour
STYLES = {
    "fast": ("#0072B2", "o"),
    "plain": ("#56B4E9", "v"),
    "flax": ("#009E73", "s"),
    "equinox": ("#E69F00", "D"),
    "keras": ("#D55E00", "^"),
    "onnx": ("#CC79A7", "P"),
    "torch": ("#000000", "_"),
}


def markdown(report: dict) -> str:
    """All tables, the goals first."""
    parts = [heading(report), goal_table(report)]
    if "headline" in report:
        parts += ["## The headline step", headline.table(report["headline"])]
    for kind, what in (("train", "Training step"), ("forward", "Forward pass")):
        if text := layer_table(report, kind):
            parts += [f"## {what} of one layer", text]
    if "long" in report:
        parts += ["## Long sequences", long_table(report["long"])]
    return "\n\n".join(parts)


def heading(report) -> str:
    versions = {}
    for run in report.get("headline", {}).get("runs", []) + measured(report):
        versions |= run["versions"]
    versions = ", ".join(f"{name} {v}" for name, v in versions.items())
    lines = [
        f"- machine: {report['machine']}",
        f"- versions: {versions}",
        f"- date: {report['date']}; {quiet_or_not(report['load_before'])}; "
        f"{report['minutes']} minutes{', --quick' if report['quick'] else ''}",
    ]
    lines += [f"- left out: {why}" for why in report["left_out"].values()]
    return "\n".join(lines)


def measured(report) -> list[dict]:
    return report.get("layers", []) + report.get("long", [])


def rows_of(cells) -> str:
    """A Markdown table; the first row is its head."""
    head, *rows = ([str(cell) for cell in row] for row in cells)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goal_table(report) -> str:
    rows = [("what", "goal", "measured", "reached")]
    for goal in goals(report):
        if goal.measured is None:
            seen, reached = "not measured in this run", ""
        else:
            seen, reached = quartiles(goal.measured), "yes" if goal.reached else "no"
        rows.append((goal.what, goal.wanted, seen, reached))
    return rows_of(rows)


def quartiles(ratio) -> str:
    low, median, high = ratio
    if low == median == high:  # the reference, or something that is not a timing
        return f"{median:.2f}"
    return f"{median:.2f} ({low:.2f}-{high:.2f})"


def layer_table(report, kind) -> str | None:
    """A row a layer, a column a contestant: speed relative to the reference."""
    results = [r for r in report.get("layers", []) if r["ratios"].get(kind)]
    if not results:
        return None
    bases = {reference(result["ratios"][kind]) for result in results}
    names = {}
    for name in STYLES:  # a reference that everybody has needs no column of ones
        for result in results:
            if name in result["ratios"][kind] and {name} != bases:
                names[name] = result["names"][name]
    lines = [("layer", "n", "T", "batch", "on", *names.values(), "reference")]
    for result in results:
        ratios, work = result["ratios"][kind], result["work"]
        seconds = result["seconds"][kind]
        base = reference(ratios)
        layer = f"{'bidirectional ' if work['both_ways'] else ''}{work['kind']}"
        sizes = (work["n_a"], work["T"], work["batch"], name_of(result["cores"]))
        cells = [quartiles(ratios[n]) if n in ratios else "" for n in names]
        time = f"{result['names'][base]}: {1e3 * np.median(seconds[base]):.3g} ms"
        lines.append((layer, *sizes, *cells, time))
    note = (
        "Speed relative to the reference, which the last column names with its time; "
        "medians of paired ratios, quartiles in brackets. No number: the library has "
        "no such layer, or does not train."
    )
    return f"{note}\n\n{rows_of(lines)}"


def long_table(results) -> str:
    """Memory and time of one training step, with and without checkpointing."""
    mib = 2**20
    lines = [("T", "", "time, plain = 1", "seconds", "memory, MiB", "planned, MiB")]
    for result in results:
        seconds = result["seconds"]["train"]
        for name, said in result["names"].items():
            relative = np.divide(seconds[name], seconds["plain"])
            need = result["memory"][name]
            lines.append(
                (
                    f"{result['work']['T']:,}",
                    said,
                    quartiles(np.quantile(relative, [0.25, 0.5, 0.75])),
                    f"{np.median(seconds[name]):.2f}",
                    f"{need['peak'] / mib:,.0f}",
                    "" if need["planned"] is None else f"{need['planned'] / mib:,.0f}",
                )
            )
    work = results[0]["work"]
    note = (
        f"{work['kind']} of {work['n_a']}, batch {work['batch']}, one core. *memory* "
        "is how far a fresh process grew, at its highest, while one training step ran: "
        "outputs and gradients are in it, weights and inputs are not. *planned* is "
        "what XLA's compiler says of the same (temporary arrays and results)."
    )
    return f"{note}\n\n{rows_of(lines)}"


def picture(report) -> bytes | None:
    """PNG of the training steps on one core: a panel for each cell and batch."""
    results = [
        result
        for result in report.get("layers", [])
        if "train" in result["ratios"] and len(result["cores"] or [0]) == 1
    ]
    results = [r for r in results if not r["work"]["both_ways"]]
    if not results:
        return None
    kinds = list(dict.fromkeys(r["work"]["kind"] for r in results))
    batches = sorted({r["work"]["batch"] for r in results})
    fig = Figure((9, 0.6 + 2.5 * len(kinds)), layout="constrained", facecolor="white")
    panels = fig.subplots(
        len(kinds), len(batches), squeeze=False, sharex="col", sharey="row"
    )
    for row, kind in zip(panels, kinds, strict=True):
        for ax, batch in zip(row, batches, strict=True):
            own = [
                r
                for r in results
                if (r["work"]["kind"], r["work"]["batch"]) == (kind, batch)
            ]
            if not own:
                ax.set_axis_off()
                continue
            panel(ax, own)
            ax.set_title(f"{kind}, batch {batch}", fontsize=9)
        row[0].set_ylabel("relative speed", fontsize=9)
    handles = {}
    for ax in panels.flat:
        found = ax.get_legend_handles_labels()
        handles |= dict(zip(*reversed(found), strict=True))
    fig.legend(
        handles.values(), handles, loc="outside upper center", ncols=4, fontsize=8
    )
    base = results[0]["names"][reference(results[0]["ratios"]["train"])]
    fig.supxlabel(
        f"n and, below it, T.  Training on one core, median and quartiles over rounds; "
        f"the line at 1 is {base}.\n{report['machine']}; "
        f"{report['date']}; {quiet_or_not(report['load_before'])}",
        fontsize=8,
    )
    out = io.BytesIO()
    FigureCanvasAgg(fig)
    fig.savefig(out, format="png", dpi=100, metadata={"Software": None})
    return out.getvalue()


def reference(ratios) -> str:
    """Whom the ratios are relative to, as in `layers.measure`."""
    return "torch" if "torch" in ratios else next(iter(ratios))


def panel(ax, results) -> None:
    """Quartiles of every contestant over the sizes, side by side at each."""
    order = sorted(results, key=lambda r: (r["work"]["n_a"], r["work"]["T"]))
    names = [n for n in STYLES if any(n in r["ratios"]["train"] for r in order)]
    for i, name in enumerate(names):
        color, marker = STYLES[name]
        points = [
            (x + 0.1 * (i - (len(names) - 1) / 2), r["ratios"]["train"][name])
            for x, r in enumerate(order)
            if name in r["ratios"]["train"]
        ]
        if name == "torch" or not points:
            continue
        x, (low, median, high) = (
            [p[0] for p in points],
            zip(*[p[1] for p in points], strict=True),
        )
        label = next(r["names"][name] for r in order if name in r["names"])
        ax.vlines(x, low, high, color=color, lw=1.2)
        ax.plot(x, median, marker, color=color, ms=4, label=label)
    ax.axhline(1, color="black", lw=1)
    ax.set_yscale("log")
    ticks = [2.0**power for power in range(-3, 7)]
    low, high = ax.get_ylim()
    ticks = [t for t in ticks if low <= t <= high] or [1]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.grid(axis="y", lw=0.4)
    labels = [f"{r['work']['n_a']}\n{r['work']['T']}" for r in order]
    ax.set_xticks(range(len(order)), labels, fontsize=7)
    ax.tick_params(axis="y", labelsize=8)
