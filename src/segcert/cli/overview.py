"""What ``segcert --help`` prints: every command in a line, without importing any of them."""

import shutil
import textwrap

ABOUT = (
    "Certified segmentation: the labels that provably no perturbation within a radius can "
    "change, and abstention elsewhere.\n\n"
    "Start with `segcert demo`; then `segcert certify demo/street6.png --out certified`."
)
COMMANDS = {  # the first line of each one's own text
    "attack": "Attack an image in an l2 ball, and check its certificate at the attacked image.",
    "certify": "Certify the segmentation of images, or of point clouds.",
    "demo": "Draw a synthetic street, certify its segmentation, compare with the truth, and "
    "attack it.",
    "doctor": "Examine this installation: devices, backends, packages, room, and a self-test.",
    "evaluate": "Certify a data set at all combinations of settings, and compare with the truth.",
    "models": "List the shipped models, and the denoisers apart: data, noise of the training, "
    "licence.",
    "plan": "Predict from a short probe what more draws would certify, and recommend how many.",
    "report": "Print the table of runs of `segcert evaluate`; compare runs on the same images.",
    "toy": "Compare what JointClass, IndivClass, SegCertify and newer procedures certify of a toy.",
    "train": "Train a network on images or clouds with Gaussian noise.",
    "verify": "Recompute a certificate from its counts; with --replay also the counts from the "
    "seed.",
}
OPTIONS = {
    "--help, -h": "Print this, or after a command its options.",
    "--version": "Print the version.",
}
NARROWEST, WIDEST = 40, 100  # letters


def said_at_once(words: list[str]) -> str | None:
    """What is asked of segcert as a whole, or None: then there is a command.

    Args:
        words: What was typed.
    """
    if words in ([], ["--help"], ["-h"]):
        return overview()
    if words == ["--version"]:
        from importlib.metadata import version

        return version("segcert")
    return None


def overview(width: int | None = None) -> str:
    """All commands, in ASCII.

    Args:
        width: Of the lines; by default that of the terminal.
    """
    wide = width or shutil.get_terminal_size().columns
    wide = max(NARROWEST, min(wide, WIDEST))
    about = [textwrap.fill(one, wide) for one in ABOUT.split("\n\n")]
    parts = [listed("Commands", COMMANDS, wide), listed("Options", OPTIONS, wide)]
    return "\n\n".join(["Usage: segcert COMMAND", *about, *parts])


def listed(title: str, texts: dict[str, str], width: int) -> str:
    """A title, and below it each name with its text."""
    indent = max(map(len, (*COMMANDS, *OPTIONS))) + 4
    lines = [
        textwrap.fill(f"{name:{indent - 2}}{text}", width - 2, subsequent_indent=" " * (indent - 2))
        for name, text in texts.items()
    ]
    return f"{title}:\n" + textwrap.indent("\n".join(lines), "  ")
