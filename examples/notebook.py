"""As in a notebook: one sample with a callback, several certificates, a card and a figure.

Run it with `python examples/notebook.py --out notebook`.
"""

from common import photograph, start

import segcert as sc

out = start(__doc__)
photo = photograph(out / "photo.png")


def progress(done: int, total: int) -> None:
    """Is called after each batch; what it raises ends the sampling."""
    print(f"\r{done} of {total} draws", end="", flush=True)


model = sc.open_model("synthetic")
counts = sc.sample(model, photo, noise=sc.GaussianNoise(0.25), n0=10, n=100, progress=progress)
print()
cert = sc.certify(counts, tau=0.75, alpha=1e-3)  # tau was chosen before the counts were seen
again = sc.certify(counts, tau=0.75, alpha=1e-3, correction=sc.Ordered())  # at an alpha of its own
print(cert, again, sep="\n")

card = cert._repr_html_()  # what a notebook shows for `cert` at the end of a cell
(out / "card.html").write_text(f"<!doctype html><meta charset='utf-8'>{card}", encoding="utf-8")
cert.plot(photo).savefig(out / "certified.png")
print(f"written: {out / 'card.html'}")
