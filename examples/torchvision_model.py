"""A network of torchvision, which returns a dictionary with "out"; here with random weights.

Run it with `python examples/torchvision_model.py --out torchvision_model`.
"""

from common import photograph, skip, start

import segcert as sc

try:
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large
except (ImportError, RuntimeError) as error:  # the latter where torchvision is of another torch
    skip(error)

out = start(__doc__)
photo = photograph(out / "photo.png")

net = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=4).eval()
mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its training; after the noise

segmenter = sc.as_segmenter(net, mean=mean, std=std, name="lraspp")
cert = sc.certify_image(segmenter, photo, sigma=0.1)
print(cert)
cert.plot(photo).savefig(out / "certified.png")
print(f"written: {out / 'certified.png'}")
