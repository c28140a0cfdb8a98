"""A network of segmentation-models-pytorch, as it is; here with random weights.

Run it with `python examples/smp_model.py --out smp_model`.
"""

from common import photograph, skip, start

import segcert as sc

try:
    import segmentation_models_pytorch as smp
except (ImportError, RuntimeError) as error:  # the latter where torchvision is of another torch
    skip(error)

out = start(__doc__)
photo = photograph(out / "photo.png")

net = smp.Unet("resnet18", encoder_weights=None, classes=4).eval()
mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its training; after the noise

segmenter = sc.as_segmenter(net, mean=mean, std=std, name="unet")
cert = sc.certify_image(segmenter, photo, sigma=0.1)
print(cert)
cert.plot(photo).savefig(out / "certified.png")
print(f"written: {out / 'certified.png'}")
