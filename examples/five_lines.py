"""A certified picture in five lines: a model by its name or path, and a photograph.

Run it with `python examples/five_lines.py --out five_lines`.
"""

from common import photograph, start

import segcert as sc

out = start(__doc__)
photo = photograph(out / "photo.png")  # put your own here

cert = sc.certify_image("synthetic", photo)  # a shipped model; or "net.onnx", "hf_folder", ...
print(cert.statement)
cert.plot(photo).savefig(out / "certified.png")
cert.save(out / "result")  # `segcert verify` checks it
print(f"written: {out / 'certified.png'}")
