"""A volume (1, d, h, w) and a network for volumes, as those of MONAI; here with random weights.

Run it with `python examples/monai_volume.py --out monai_volume`.
"""

import torch
from common import ball, start
from torch import nn

import segcert as sc

out = start(__doc__)
volume = ball()
torch.manual_seed(1)
try:
    from monai.networks.nets import UNet

    net = UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(4, 8), strides=(2,))
except ImportError:  # then one that takes and returns the same shapes
    net = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 2, 3, padding=1))

segmenter = sc.as_segmenter(net.eval(), class_names=("rest", "organ"))
cert = sc.certify_image(segmenter, volume, sigma=0.1)
print(cert)
cert.plot(volume).savefig(out / "certified.png")  # the middle slice along each axis
cert.save(out / "result")
print(f"written: {out / 'certified.png'}")
