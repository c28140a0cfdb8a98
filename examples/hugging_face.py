"""A checkpoint folder of Hugging Face transformers, here a tiny SegFormer with random weights.

Run it with `python examples/hugging_face.py --out hugging_face`.
"""

import torch
from common import photograph, skip, start

import segcert as sc

try:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation
except ImportError as error:
    skip(error)

out = start(__doc__)
photo = photograph(out / "photo.png")

torch.manual_seed(0)
config = SegformerConfig(
    hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2],
    decoder_hidden_size=16, initializer_range=0.5,
    id2label={0: "road", 1: "building", 2: "sky"}, label2id={"road": 0, "building": 1, "sky": 2},
)  # fmt: skip
net = SegformerForSemanticSegmentation(config).eval()
with torch.no_grad():  # no class shall win everywhere
    net.decode_head.classifier.bias -= net(torch.rand(1, 3, 180, 240)).logits.mean((0, 2, 3))
net.save_pretrained(out / "hf_folder")

cert = sc.certify_image(out / "hf_folder", photo)  # your own folder goes here
print(cert)
cert.plot(photo).savefig(out / "certified.png")
cert.save(out / "result")
print(f"written: {out / 'certified.png'}")
