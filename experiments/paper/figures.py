"""Figures of Fischer, Baader, Vechev (2021), as its text prints them.

Source:
    "Scalable Certified Segmentation via Randomized Smoothing", ICML 2021 (PMLR 139), Tables 1 and 2
    and section 6.1; the appendices were not at hand. All times are of one RTX 2080 Ti.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """What is printed of one network on one data set.

    Args:
        accuracy: Mean per-pixel accuracy; abstaining is an error.
        abstained: Share of all components.
        seconds: Of one input; None where none is printed.
        mean_iou: As printed; None of clouds.
    """

    accuracy: float
    abstained: float
    seconds: float | None = None
    mean_iou: float | None = None

    def __str__(self) -> str:
        """As the tables of the page have it."""
        numbers = [f"{self.accuracy:.2f}", f"{self.abstained:.2f}"]
        if self.mean_iou is not None:
            numbers.insert(1, f"{self.mean_iou:.2f}")
        return " / ".join([*numbers, *([] if self.seconds is None else [f"{self.seconds:.2f}"])])


@dataclass(frozen=True)
class Row1:
    """A row of Table 1.

    Args:
        scale: Of the image.
        row: "non-robust", "base" (both without certificate) or "certified".
        cityscapes: Of the network on Cityscapes.
        pascal: Of that on Pascal Context.
        sigma: Of the noise; None without certificate.
        tau: Likewise.
        n: Likewise.
        radius: As printed.
    """

    scale: str
    row: str
    cityscapes: Cell
    pascal: Cell
    sigma: float | None = None
    tau: float | None = None
    n: int | None = None
    radius: float | None = None


def plain(
    scale: str, row: str, one: tuple[float, float, float], other: tuple[float, float, float]
) -> Row1:
    """A row without certificate: accuracy, mIoU and seconds on both data sets."""
    cells = [Cell(accuracy, 0, seconds, iou) for accuracy, iou, seconds in (one, other)]
    return Row1(scale, row, cells[0], cells[1])


def at(
    scale: str,
    setting: tuple[float, float, int, float],
    one: tuple[float, float, float, float],
    other: tuple[float, float, float, float],
) -> Row1:
    """A certified row: sigma, tau, n, R; accuracy, mIoU, abstained and seconds on both sets."""
    cells = [Cell(acc, gone, seconds, iou) for acc, iou, gone, seconds in (one, other)]
    return Row1(scale, "certified", cells[0], cells[1], *setting)


TABLE_1 = (
    plain("0.25", "non-robust", (0.93, 0.60, 0.38), (0.59, 0.24, 0.12)),
    plain("0.25", "base", (0.87, 0.42, 0.37), (0.33, 0.08, 0.13)),
    at("0.25", (0.25, 0.75, 100, 0.17), (0.84, 0.43, 0.07, 70.00), (0.33, 0.08, 0.13, 14.16)),
    at("0.25", (0.33, 0.75, 100, 0.22), (0.84, 0.44, 0.09, 70.21), (0.34, 0.09, 0.17, 14.20)),
    at("0.25", (0.50, 0.75, 100, 0.34), (0.82, 0.43, 0.13, 71.45), (0.23, 0.05, 0.27, 14.23)),
    at("0.25", (0.25, 0.95, 500, 0.41), (0.83, 0.42, 0.11, 229.37), (0.29, 0.01, 0.30, 33.64)),
    at("0.25", (0.33, 0.95, 500, 0.52), (0.83, 0.42, 0.12, 230.69), (0.26, 0.01, 0.39, 33.79)),
    at("0.25", (0.50, 0.95, 500, 0.82), (0.77, 0.38, 0.20, 230.09), (0.10, 0.00, 0.61, 33.44)),
    plain("0.5", "non-robust", (0.96, 0.76, 0.39), (0.74, 0.38, 0.16)),
    plain("0.5", "base", (0.89, 0.51, 0.39), (0.47, 0.13, 0.14)),
    at("0.5", (0.25, 0.75, 100, 0.17), (0.88, 0.54, 0.06, 75.59), (0.48, 0.16, 0.09, 16.29)),
    at("0.5", (0.33, 0.75, 100, 0.22), (0.87, 0.54, 0.08, 75.99), (0.50, 0.17, 0.11, 16.08)),
    at("0.5", (0.50, 0.75, 100, 0.34), (0.86, 0.54, 0.10, 75.72), (0.36, 0.10, 0.21, 16.14)),
    plain("1", "non-robust", (0.97, 0.81, 0.52), (0.77, 0.42, 0.18)),
    plain("1", "base", (0.91, 0.57, 0.52), (0.53, 0.18, 0.18)),
    at("1", (0.25, 0.75, 100, 0.17), (0.88, 0.59, 0.11, 92.75), (0.55, 0.22, 0.22, 18.53)),
    at("1", (0.33, 0.75, 100, 0.22), (0.78, 0.43, 0.20, 92.85), (0.46, 0.18, 0.34, 18.57)),
    at("1", (0.50, 0.75, 100, 0.34), (0.34, 0.06, 0.40, 92.48), (0.17, 0.03, 0.41, 18.46)),
    plain("multi", "non-robust", (0.97, 0.82, 8.98), (0.78, 0.45, 4.21)),
    plain("multi", "base", (0.92, 0.60, 9.04), (0.56, 0.19, 4.22)),
    at(
        "multi", (0.25, 0.75, 100, 0.17), (0.88, 0.57, 0.09, 1040.55), (0.52, 0.21, 0.29, 355.00)
    ),
)  # fmt: skip

SETTINGS_2 = ((0.75, 1000), (0.85, 1000), (0.95, 10000), (0.99, 10000))  # tau and n


@dataclass(frozen=True)
class Row2:
    """A row of Table 2.

    Args:
        network: As ours of the same kind is called.
        sigma: Of the noise that it is certified at.
        base: Without certificate.
        cells: At each of `SETTINGS_2`; None where nothing is printed.
    """

    network: str
    sigma: float
    base: Cell | None
    cells: tuple[Cell | None, ...]


def row_2(
    network: str,
    sigma: float,
    base: tuple[float, float] | None,
    *cells: tuple[float, float, float],
) -> Row2:
    """A row: accuracy and seconds of the base; accuracy, abstained and seconds of each setting."""
    found: list[Cell | None] = [Cell(*one) for one in cells]
    found += [None] * (len(SETTINGS_2) - len(found))
    return Row2(network, sigma, None if base is None else Cell(base[0], 0, base[1]), tuple(found))


TABLE_2 = (
    row_2("shapes-0.25", 0.25, (0.81, 0.57), (0.62, 0.32, 54.47), (0.52, 0.44, 54.41),
          (0.41, 0.56, 496.57), (0.20, 0.78, 496.88)),
    row_2("shapes-normals-0.25", 0.25, (0.86, 0.57), (0.78, 0.16, 54.46), (0.71, 0.25, 54.41),
          (0.62, 0.35, 496.65), (0.39, 0.60, 496.68)),
    row_2("shapes-0.5", 0.25, (0.70, 0.55), (0.57, 0.23, 54.40)),
    row_2("shapes-0.5", 0.5, None, (0.47, 0.44, 54.47), (0.41, 0.54, 54.39),
          (0.30, 0.67, 496.30), (0.11, 0.87, 496.47)),
    row_2("shapes-normals-0.5", 0.25, (0.78, 0.56), (0.74, 0.10, 54.78)),
    row_2("shapes-normals-0.5", 0.5, None, (0.67, 0.21, 54.58), (0.61, 0.30, 54.44),
          (0.53, 0.41, 497.40), (0.37, 0.60, 497.87)),
)  # fmt: skip
