"""``segcert models``: what is shipped, or what a model file is."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.network_options import NETWORK_AS_USUAL, NetworkOptions

if TYPE_CHECKING:
    from segcert.models.protocol import WrappedModel

NAMES_SHOWN = 8


def models(
    model: Annotated[
        str | None,
        Parameter(help="Name of a shipped model or path of a model file: say what it is."),
    ] = None,
    network: Annotated[NetworkOptions, Parameter(name="*")] = NETWORK_AS_USUAL,
) -> None:
    """List the shipped models, and the denoisers apart: data, noise of the training, licence."""
    if model is None:
        list_shipped()
    else:
        print_model(model, network)


def list_shipped() -> None:
    """Print one row per shipped model and denoiser."""
    from rich.table import Table

    from segcert.cli.shell import cell, results
    from segcert.models.denoisers import shipped_denoisers
    from segcert.models.files.checkpoints import (
        Origin,
        read_denoiser_description,
        read_description,
        read_point_description,
    )
    from segcert.models.shipped import shipped
    from segcert.models.shipped_points import shipped_points

    def table(first: str, *columns: str) -> Table:
        made = Table(box=None, pad_edge=False, header_style="bold")
        for name in (first, "trained on", "sigma", *columns, "size", "licence of the weights"):
            made.add_column(name, overflow="fold")
        return made

    def add(to: Table, name: str, about: Origin, size: int, *cells: str) -> None:
        mebibytes = f"{size / 2**20:.1f} MiB"
        values = (name, about.data, f"{about.sigma:g}", *cells, mebibytes, about.licence)
        to.add_row(*map(cell, values))

    listed = table("model", "classes")
    for name, path in shipped().items():
        about = read_description(path)
        add(listed, name, about, path.stat().st_size, str(len(about.classes)))
    results.print(listed)
    if of_points := shipped_points():
        listed = table("model of clouds", "network", "normals")
        for name, path in of_points.items():
            cloud = read_point_description(path)
            normals = "yes" if cloud.columns == 6 else "no"
            add(listed, name, cloud, path.stat().st_size, cloud.architecture, normals)
        results.print()
        results.print(listed)
    if denoisers := shipped_denoisers():
        listed = table("denoiser", "trained for")
        for name, path in denoisers.items():
            soft = read_denoiser_description(path)
            add(listed, name, soft, path.stat().st_size, soft.trained_for or "any model")
        results.print()
        results.print(listed)


def print_model(name: str, network: NetworkOptions = NETWORK_AS_USUAL) -> None:
    """Open a model and print what is known about it, one fact a line."""
    from segcert.cli.shell import say
    from segcert.cli.tables import warn_about_input
    from segcert.models.files.checkpoints import Description
    from segcert.models.opening import kind_of
    from segcert.models.reference import ModelReference
    from segcert.models.shipped import foreign_path

    reference = ModelReference(name, scale=network.padded("1"), told=network.told)
    foreign, segmenter = foreign_path(name), reference.open()
    facts = {
        "model": segmenter.name,
        "kind": kind_of(foreign) if foreign else "weights of segcert train",
        "classes": class_words(segmenter),
        **segmenter.takes,
        **({} if segmenter.scale_text == "1" else {"scale": segmenter.scale_text}),
        "weights": f"sha256 {segmenter.weights_sha256}",
        "identity": f"sha256 {segmenter.identity_sha256}",
    }
    about = segmenter.origin
    if isinstance(about, Description):
        facts |= {
            "network": about.architecture, "trained on": about.data, "sigma": f"{about.sigma:g}",
            "licence": about.licence,
        }  # fmt: skip
    for key, value in facts.items():
        say(f"{key:14}{value}")
    warn_about_input(name, network.told)


def class_words(segmenter: "WrappedModel") -> str:
    """Number and names of the classes, as far as they are known."""
    if segmenter.classes is None:
        return "not known before it is run"
    names = segmenter.class_names or tuple(f"class {i}" for i in range(segmenter.classes))
    more = len(names) - NAMES_SHOWN
    shown = ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"{segmenter.classes}: {shown}"
