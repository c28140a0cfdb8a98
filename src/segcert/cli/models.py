"""``segcert models``: what is shipped."""


def models() -> None:
    """List the shipped models, and the denoisers apart: data, noise of the training, licence."""
    from rich.table import Table

    from segcert.cli.shell import results
    from segcert.models.checkpoints import Origin, read_denoiser_description
    from segcert.models.denoisers import shipped_denoisers
    from segcert.models.shipped import describe, shipped

    def table(first: str, *columns: str) -> Table:
        made = Table(box=None, pad_edge=False, header_style="bold")
        for name in (first, "trained on", "sigma", *columns, "size", "licence of the weights"):
            made.add_column(name, overflow="fold")
        return made

    def add(to: Table, name: str, about: Origin, size: int, *cells: str) -> None:
        mebibytes = f"{size / 2**20:.1f} MiB"
        to.add_row(name, about.data, f"{about.sigma:g}", *cells, mebibytes, about.licence)

    listed = table("model", "classes")
    for name, path in shipped().items():
        about = describe(name)
        add(listed, name, about, path.stat().st_size, str(len(about.classes)))
    results.print(listed)
    if denoisers := shipped_denoisers():
        listed = table("denoiser", "trained for")
        for name, path in denoisers.items():
            soft = read_denoiser_description(path)
            add(listed, name, soft, path.stat().st_size, soft.trained_for or "any model")
        results.print()
        results.print(listed)
