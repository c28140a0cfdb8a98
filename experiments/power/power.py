"""What every procedure certifies at equal alpha and equal total draws, on real draws.

python experiments/power/power.py --draws runs/power --out experiments/power/results
                                                     (after draws.py; two minutes)

Every row calls `certify` on the counts that `sample` would have made of the first T draws: n0 of
them are the pilot, the others are tested. The ceiling is the share of pixels whose class has
p > tau in 10,000 draws; no procedure can certify more but by error.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from cyclopts import App
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from segcert.certificates.hierarchical import certify_tree
from segcert.certificates.hierarchies import open_hierarchy
from segcert.certificates.segcertify import certify
from segcert.certificates.stopping import StopWhen
from segcert.cli.progress import DrawProgress
from segcert.cli.shell import messages, results
from segcert.errors import InputError
from segcert.files import atomic_write
from segcert.models.resizing.upsample import margins_of_upsampled
from segcert.models.shipped import open_model
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling.counts import Counts, Provenance
from segcert.sampling.margins import Margins, no_margins
from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.levels import smallest_n
from segcert.stats.looks import even_looks
from segcert.stats.ordered import Ordered
from segcert.stats.promise import DOUBTFUL
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential
from segcert.stats.stop_rules import Stalls, StopRule, Target

SIGMA, TAU, ALPHA = 0.25, 0.75, 1e-3
TOTALS = (
    20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 77, 80, 85, 90, 95, 100, 105, 110, 120, 130,
    145, 160, 180, 200, 230, 260, 300, 350, 400, 500, 600, 800, 1000,
)  # fmt: skip
RULES: tuple[StopRule, ...] = (Target(0.9), Target(0.92), Stalls(0.01), Stalls())
BEGIN, END = "<!-- power: begin -->", "<!-- power: end -->"
PAPER, BEST = "Holm, n0 = 10 (the paper)", "ordered, n0 = 4 (recommended)"
NO_PILOT = "Holm, no pilot"


@dataclass(frozen=True)
class Procedure:
    """One way to spend T draws.

    Args:
        n0: Pilot draws among them.
        share: Certified share of the counts.
        other: Whether it states something else than no error at the certified classes.
        oracle: Whether it knows the order of the true probabilities, as no procedure can.
    """

    n0: int
    share: Callable[[Counts], float]
    other: bool = False
    oracle: bool = False


def by(correction: AbstractCorrection, **family: object) -> Callable[[Counts], float]:
    """Certify with a correction and a family of tests."""
    return lambda counts: float(
        certify(counts, tau=TAU, alpha=ALPHA, correction=correction, **family).certified.mean()  # type: ignore[arg-type]
    )


def by_cap(counts: Counts) -> float:
    """Drop what the pilot doubts, and cap what else may fail at 1% of all components."""
    cap = counts.components // 100
    return by(Capped(cap), drop_below=DOUBTFUL)(counts)


def by_tree(counts: Counts) -> float:
    """Certify classes or groups of classes."""
    tree = open_hierarchy("camvid")
    return float(certify_tree(counts, tree, tau=TAU, alpha=ALPHA).certified.mean())


def sequential(plan: Callable[[Counts], Sequential]) -> Callable[[Counts], float]:
    """Certify at these draws, paying for the freedom to have stopped before."""
    return lambda counts: by(holm)(replace(counts, sequential=plan(counts)))


def four_looks(counts: Counts) -> Sequential:
    """Four looks, the last one at these draws."""
    first = smallest_n(counts.components, tau=TAU, alpha=ALPHA / 4)
    return even_looks(counts.n, 4, first=min(first, counts.n - 4))


PROCEDURES: dict[str, Procedure] = {
    PAPER: Procedure(10, by(holm)),
    "Bonferroni, n0 = 10": Procedure(10, by(bonferroni)),
    "Holm, n0 = 4": Procedure(4, by(holm)),
    NO_PILOT: Procedure(0, by(holm)),
    BEST: Procedure(4, by(Ordered())),
    "ordered by agreement, n0 = 10": Procedure(10, by(Ordered(by="agreement"))),
    "doubtful dropped, Holm, n0 = 4": Procedure(4, by(holm, drop_below=DOUBTFUL)),
    "doubtful dropped, capped at 1%, n0 = 4": Procedure(4, by_cap),
    "regions of 4x4, ordered, n0 = 4": Procedure(4, by(Ordered(), regions=Blocks(4))),
    "regions of 8x8, Holm, n0 = 4": Procedure(4, by(holm, regions=Blocks(8))),
    "four looks, Holm, n0 = 4": Procedure(4, sequential(four_looks)),
    "e-process, Holm, n0 = 4": Procedure(4, sequential(lambda counts: Anytime(counts.n, 1))),
    "ordered by the true p, n0 = 4 (out of reach)": Procedure(4, by(Ordered(1000)), oracle=True),
    "10-FWER (up to 9 errors), n0 = 4": Procedure(4, by(KFwer(10)), other=True),
    "class tree (groups too), no pilot": Procedure(0, by_tree, other=True),
}


class Draws:
    """The stored draws of one image, counted as `sample` counts them."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.labels, self.scores = file["labels"], torch.from_numpy(file["scores"]).float()
            all_counts, self.classes = file["counts"], int(file["classes"])
        self.p = all_counts / all_counts.sum(0)
        self.ceiling = float((self.p.max(0) > TAU).mean())

    def margins(self, n0: int) -> Margins:
        """Margins of the first n0 draws."""
        drawn = torch.from_numpy(self.labels[:n0].astype(np.int16))
        size = (self.labels.shape[1], self.labels.shape[2])
        return no_margins(drawn).plus(drawn, margins_of_upsampled(self.scores[:n0], size))

    def count(self, draws: slice) -> np.ndarray:
        """How often each class occurs."""
        return np.stack([(self.labels[draws] == c).sum(0) for c in range(self.classes)])

    def counts_of(self, n0: int, totals: tuple[int, ...]) -> list[Counts]:
        """Counts after each total number of draws, n0 of them in the pilot."""
        pilot = self.count(slice(0, n0))
        guess = pilot.argmax(0).astype(np.int16)
        promise = None
        if n0:
            promise = self.margins(n0).promise(torch.from_numpy(guess), n0).numpy()
        found, so_far, seen = [], np.zeros(pilot.shape, np.int32), n0
        for total in totals:
            so_far = so_far + self.count(slice(seen, total))
            seen = total
            labels = guess if n0 else so_far.argmax(0).astype(np.int16)
            hits = np.take_along_axis(so_far, labels[None].astype(np.int64), 0)[0]
            agreed = np.take_along_axis(pilot, labels[None].astype(np.int64), 0)[0]
            found.append(
                Counts(
                    labels=labels, hits=hits.astype(np.int32),
                    pilot_hits=agreed.astype(np.uint16) if n0 else None, promise=promise,
                    class_counts=None if n0 else so_far, n0=n0, n=total - n0, sequential=None,
                    classes=self.classes, class_names=open_model("camvid").class_names,
                    palette=(), noise=LatticeGaussianNoise(SIGMA), invalid=0,
                    pilot_fingerprints=np.arange(n0, dtype=np.uint64),
                    test_fingerprints=np.arange(n0, total, dtype=np.uint64), provenance=NOWHERE,
                )
            )  # fmt: skip
        return found


NOWHERE = Provenance(
    input_sha256="", input_shape=(3, 360, 480), input_dtype="uint8", model="camvid",
    weights_sha256="", scale="1", seed=0, stop_rule="", streams="cpu", device="cpu",
    device_name="", precision="float32", pilot_runs=(), test_runs=(), versions=(),
)  # fmt: skip


def share_or_none(procedure: Procedure, counts: Counts, draws: Draws) -> float:
    """Certified share; 0 if the draws are too few for the procedure."""
    if procedure.oracle:
        p = np.take_along_axis(draws.p, counts.labels[None].astype(np.int64), 0)[0]
        counts = replace(counts, promise=(32_000 + 32_000 * p).astype(np.uint16))
    try:
        return procedure.share(counts)
    except InputError:
        return 0.0


def stopped(draws: Draws, rule: StopRule) -> tuple[int, float]:
    """Draws in all and certified share of ordered testing that looks up to eight times."""
    first = smallest_n(draws.labels[0].size, tau=TAU, alpha=ALPHA / 8)
    plan = even_looks(296, 8, first=first)
    stop = StopWhen(
        rule, lambda counts: certify(counts, tau=TAU, alpha=ALPHA, correction=Ordered())
    )
    for counts in draws.counts_of(4, tuple(4 + n for n in plan.at)):
        here = replace(counts, sequential=plan)
        if stop(here) or here.n == plan.n:
            break
    return here.n0 + here.n, stop.history[-1].share


def draws_for(curve: list[float], share: float) -> float:
    """Draws at which a curve first reaches a share, interpolated; infinity if never."""
    best = np.maximum.accumulate(curve)
    if best[-1] < share:
        return float("inf")
    i = int(np.argmax(best >= share))
    if i == 0 or best[i - 1] == 0:
        return float(TOTALS[i])
    part = float((share - best[i - 1]) / (best[i] - best[i - 1]))
    return TOTALS[i - 1] + part * (TOTALS[i] - TOTALS[i - 1])


def savings(curves: dict[str, list[float]]) -> list[tuple[float, float, str, float]]:
    """For shares that the paper's procedure reaches: its draws, the best valid one's, saved."""
    valid = [
        name for name, one in PROCEDURES.items() if not (one.other or one.oracle or name == PAPER)
    ]
    rows = []
    for share in (0.6, 0.7, 0.8, 0.85, 0.87, 0.9, 0.91, 0.92, 0.93, 0.94):
        paper = draws_for(curves[PAPER], share)
        best = min(valid, key=lambda name: draws_for(curves[name], share))
        if np.isfinite(paper):
            rows.append((share, paper, best, draws_for(curves[best], share)))
    return rows


def figure(curves: dict[str, list[float]], ceiling: float) -> Figure:
    """Certified share against draws: all of it, and the upper end."""
    shown = {
        PAPER: ("#000000", "-", 2.4), BEST: ("#D55E00", "-", 2.4), NO_PILOT: ("#0072B2", "-", 1.8),
        "regions of 4x4, ordered, n0 = 4": ("#009E73", (0, (5, 1.5)), 1.6),
        "four looks, Holm, n0 = 4": ("#56B4E9", (0, (5, 1.5)), 1.6),
        "e-process, Holm, n0 = 4": ("#CC79A7", (0, (1.2, 1.2)), 1.6),
    }  # fmt: skip
    drawn = Figure(figsize=(9.6, 4.4), dpi=120, layout="constrained")
    left, right = drawn.subplots(1, 2)
    for axes in (left, right):
        for name, (colour, dashes, width) in shown.items():
            axes.plot(TOTALS, curves[name], color=colour, linestyle=dashes, lw=width, label=name)
        axes.axhline(ceiling, color="#888888", lw=1, ls=":")
        axes.set_xscale("log")
        axes.set_xticks([20, 50, 100, 200, 500, 1000], ["20", "50", "100", "200", "500", "1000"])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(color="#E4E4E4", lw=0.8)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, colors="#333333")
        axes.set_xlabel("draws in all, pilot included", color="#333333")
    left.set_title("certified share of the pixels", loc="left", fontsize=11, color="#333333")
    left.set_xlim(25, 200)
    right.set_title("the upper end", loc="left", fontsize=11, color="#333333")
    right.set_xlim(50, 1000)
    right.set_ylim(0.86, ceiling + 0.006)
    right.annotate("ideal: p > tau", (52, ceiling), va="bottom", fontsize=9, color="#666666")
    handles, labels = left.get_legend_handles_labels()
    drawn.legend(
        handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9,
        labelcolor="#333333",
    )  # fmt: skip
    return drawn


def tables(
    curves: dict[str, list[float]],
    ceiling: float,
    stops: dict[str, tuple[float, float]],
    worst: dict[str, float],
    images: int,
) -> str:
    """The tables of docs/power.md."""
    columns = (45, 60, 77, 90, 110, 160, 260, 500, 1000)
    lines = [
        f"{images} images; ideal (p > tau in 10,000 draws): {ceiling:.4f}.",
        "",
        "| procedure | " + " | ".join(map(str, columns)) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name, curve in curves.items():
        cells = [f"{curve[TOTALS.index(total)]:.4f}" for total in columns]
        star = " \\*" if PROCEDURES[name].other else " \\*\\*" if PROCEDURES[name].oracle else ""
        bold = "**" if name in (PAPER, BEST) else ""
        lines.append(f"| {bold}{name}{bold}{star} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "\\* states something else, \\*\\* cannot be had: see the text.",
        "",
        "| certified share | draws of the paper's procedure | fewest draws | with | saved |",
        "|---|---|---|---|---|",
    ]
    for share, paper, name, best in savings(curves):
        saved = 1 - best / paper
        lines.append(f"| {share:.2f} | {paper:.0f} | {best:.0f} | {name} | {saved:.0%} |")
    lines += [
        "",
        "Ordered testing with `--stop-when`, eight looks up to 300 draws. Beside it what the",
        "paper's procedure needs with one n for all images: for the same mean share, and for",
        "every image to reach the target.",
        "",
        "| rule | mean draws | mean share | fixed n, same mean | fixed n, every image |",
        "|---|---|---|---|---|",
    ]
    for name, (spent, share) in stops.items():
        paper = draws_for(curves[PAPER], share)
        every = f"{worst[name]:.0f}" if name in worst else ""
        lines.append(f"| {name} | {spent:.0f} | {share:.4f} | {paper:.0f} | {every} |")
    return "\n".join(lines)


app = App(help=__doc__)


@app.default
def study(
    *,
    draws: Path = Path("runs/power"),
    out: Path = Path("experiments/power/results"),
    write: Path | None = None,
) -> None:
    """Compute every curve and write the figure, the CSV, the JSON summary and the tables.

    Args:
        draws: Folder of `draws.py`.
        out: Folder of the results.
        write: Page whose tables are replaced, between its two markers; its figure is beside it.
    """
    files = sorted(draws.glob("*.npz"))
    if not files:
        raise InputError(f"no draws under {draws}: run experiments/power/draws.py first")
    shares: dict[str, list[list[float]]] = {name: [] for name in PROCEDURES}
    ceilings = []
    spent: dict[str, list[tuple[int, float]]] = {str(rule): [] for rule in RULES}
    with DrawProgress(messages) as progress:
        for number, path in enumerate(files):
            image = Draws(path)
            ceilings.append(image.ceiling)
            counted = {n0: image.counts_of(n0, TOTALS) for n0 in (0, 4, 10)}
            for name, procedure in PROCEDURES.items():
                shares[name].append(
                    [share_or_none(procedure, counts, image) for counts in counted[procedure.n0]]
                )
            for rule in RULES:
                spent[str(rule)].append(stopped(image, rule))
            progress("images", number + 1, len(files))
    curves = {name: np.mean(rows, 0).tolist() for name, rows in shares.items()}
    worst = {
        str(rule): max(draws_for(curve, rule.share) for curve in shares[PAPER])
        for rule in RULES
        if isinstance(rule, Target)
    }
    stops = {
        name: (float(np.mean([one[0] for one in runs])), float(np.mean([one[1] for one in runs])))
        for name, runs in spent.items()
    }
    ceiling = float(np.mean(ceilings))
    text = tables(curves, ceiling, stops, worst, len(files))
    write_results(out, curves, ceiling, stops, [path.stem for path in files], text)
    if write:
        before, begin, rest = write.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        with atomic_write(write) as file:
            file.write(f"{before}{begin}\n{text}\n{END}{after}".encode())
        with atomic_write(write.parent / "images" / "power.png") as file:
            file.write((out / "power.png").read_bytes())
    results.print(text, markup=False)


def write_results(
    out: Path,
    curves: dict[str, list[float]],
    ceiling: float,
    stops: dict[str, tuple[float, float]],
    images: list[str],
    text: str,
) -> None:
    """Write all files, each atomically."""
    out.mkdir(parents=True, exist_ok=True)
    rows = StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(["draws", *curves])
    writer.writerows(
        [total, *(f"{curve[i]:.6f}" for curve in curves.values())] for i, total in enumerate(TOTALS)
    )
    summary = {
        "images": images, "sigma": SIGMA, "tau": TAU, "alpha": ALPHA, "ideal": ceiling,
        "draws": TOTALS, "certified share": curves, "stopped early": stops,
        "draws for a share": [
            {"share": s, "paper": p, "fewest": b, "with": name} for s, p, name, b in savings(curves)
        ],
    }  # fmt: skip
    for name, content in (
        ("power.csv", rows.getvalue()),
        ("power.json", json.dumps(summary, indent=1) + "\n"),
        ("power.md", text + "\n"),
    ):
        with atomic_write(out / name) as file:
            file.write(content.encode())
    picture = figure(curves, ceiling)
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        with (
            mpl.rc_context({"svg.hashsalt": "segcert"}),
            atomic_write(out / f"power.{kind}") as file,
        ):
            picture.savefig(file, format=kind, metadata=metadata)


if __name__ == "__main__":
    app()
