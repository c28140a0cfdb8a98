"""A point cloud: which points stand on the ground, whatever moves within the radius.

Run it with `python examples/point_cloud.py --out point_cloud`.
"""

import numpy as np
from common import start

import segcert as sc

out = start(__doc__)
rng = np.random.default_rng(0)
ground = rng.uniform((-10, -10, 0), (10, 10, 0.02), (1500, 3))  # metres
car = rng.uniform((1, 1, 1.2), (5, 3, 2.2), (500, 3))
np.savetxt(out / "scene.xyz", np.concatenate([ground, car]))

# every point moves by itself; or the whole cloud turns about its axis
cert = sc.certify_cloud("ground", out / "scene.xyz", sigma=0.05)
turned = sc.certify_cloud("ground", out / "scene.xyz", noise=sc.AxisRotationNoise(0.1))
print(cert, turned, sep="\n")
cert.save(out / "result")
print(f"written: {out / 'result'}; `segcert certify scene.xyz` also writes a page to turn it in")
