"""Fine-tune a network of your own in your own loop: one line is new. Before and after.

Run it with `python examples/fine_tune.py --out fine_tune`. It learns drawn streets without noise,
as most networks have been trained, then goes on with noise for as many steps.
"""

import torch
from common import start
from torch import nn

import segcert as sc
from segcert_scenes.streets import street_scene

out, sigma = start(__doc__), 0.25
torch.manual_seed(0)
scenes = [street_scene(number, height=64, width=96) for number in range(9)]  # put your data here
images = torch.stack([torch.from_numpy(one.image).permute(2, 0, 1) for one in scenes]) / 255
labels = torch.stack([torch.from_numpy(one.labels).long() for one in scenes])
layers = (nn.Conv2d(3, 32, 5, padding=2), nn.ReLU(), nn.Conv2d(32, 32, 5, padding=2), nn.ReLU())
net = nn.Sequential(*layers, nn.Conv2d(32, 11, 1))  # and your network

for name, noise in (("before", 0.0), ("after", sigma)):
    optimizer = torch.optim.Adam(net.train().parameters(), lr=3e-3)
    for step in range(80):
        batch, truth = images[step % 2 : 8 : 2], labels[step % 2 : 8 : 2]
        batch = batch + noise * torch.randn_like(batch)  # new: in [0, 1], before mean and std
        loss = nn.functional.cross_entropy(net(2 * batch - 1), truth, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    segmenter = sc.as_segmenter(net.eval(), mean=(0.5,) * 3, std=(0.5,) * 3)
    cert = sc.certify_image(segmenter, scenes[8].image, sigma=sigma, n=70, seed=1)  # not learned
    found = sc.score(cert, scenes[8].labels)
    print(f"{name}: certified and right {found.certified_accuracy:.1%} of the pixels")
cert.save(out / "result")
print(f"written: {out / 'result'}")
