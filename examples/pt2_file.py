"""A program of torch.export (.pt2): the network without its Python code.

Run it with `python examples/pt2_file.py --out pt2_file`.
"""

import torch
from common import photograph, start

import segcert as sc

out = start(__doc__)
photo = photograph(out / "photo.png")

torch.manual_seed(0)
net = torch.nn.Conv2d(3, 3, 5, padding=2).eval()  # your own network goes here
size = {0: torch.export.Dim("b"), 2: torch.export.Dim("h"), 3: torch.export.Dim("w")}
program = torch.export.export(net, (torch.rand(2, 3, 64, 96),), dynamic_shapes=(size,))
torch.export.save(program, out / "net.pt2")
(out / "net.toml").write_text('classes = ["road", "building", "sky"]\n')

cert = sc.certify_image(out / "net.pt2", photo)
print(cert)
cert.plot(photo).savefig(out / "certified.png")
print(f"written: {out / 'certified.png'}")
