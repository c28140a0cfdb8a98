"""``segcert models``: what is shipped."""


def models() -> None:
    """List the shipped models: data, noise of the training, accuracy, size, licence."""
    from rich.table import Table

    from segcert.cli.shell import results
    from segcert.models.shipped import describe, shipped

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("model", "trained on", "sigma", "classes", "size", "licence of the weights"):
        table.add_column(name, overflow="fold")
    for name, path in shipped().items():
        about = describe(name)
        size = f"{path.stat().st_size / 2**20:.1f} MiB"
        table.add_row(
            name, about.data, f"{about.sigma:g}", str(len(about.classes)), size, about.licence
        )
    results.print(table)
