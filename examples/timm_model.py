"""Features of timm with a head of one's own, which scores their cells; here with random weights.

Run it with `python examples/timm_model.py --out timm_model`.
"""

import torch
from common import photograph, skip, start
from torch import Tensor, nn

import segcert as sc

try:
    import timm
except (ImportError, RuntimeError) as error:  # the latter where torchvision is of another torch
    skip(error)

out = start(__doc__)
photo = photograph(out / "photo.png")


class Net(nn.Module):
    """Scores at a quarter of the size of the image, to which segcert resizes them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = timm.create_model("resnet10t", features_only=True, out_indices=[1])
        self.head = nn.Conv2d(self.body.feature_info.channels()[-1], 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Score four classes."""
        return self.head(self.body(x)[-1])


torch.manual_seed(1)
segmenter = sc.as_segmenter(Net().eval(), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
cert = sc.certify_image(segmenter, photo, sigma=0.1)
cert.plot(photo).savefig(out / "certified.png")
print(f"written: {out / 'certified.png'}")
