"""An ONNX file, run by ONNX Runtime; what is not in the file is in a sidecar of the same name.

Run it with `python examples/onnx_file.py --out onnx_file`.
"""

import torch
from common import photograph, skip, start

import segcert as sc

try:  # what the export and the opened file need
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import onnxscript  # noqa: F401
except ImportError as error:
    skip(error)

out = start(__doc__)
photo = photograph(out / "photo.png")

torch.manual_seed(0)
net = torch.nn.Conv2d(3, 3, 5, padding=2).eval()  # your own network goes here
free = {0: "batch", 2: "height", 3: "width"}
example = (torch.rand(2, 3, 64, 96),)
torch.onnx.export(
    net, example, out / "net.onnx", dynamo=True, dynamic_shapes=(free,), verbose=False
)
(out / "net.toml").write_text('classes = ["road", "building", "sky"]\n')

cert = sc.certify_image(out / "net.onnx", photo)
print(cert)
cert.plot(photo).savefig(out / "certified.png")
print(f"written: {out / 'certified.png'}")
