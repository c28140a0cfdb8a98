"""Run all examples, each in a process of its own: ``make examples``."""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = (
    "five_lines",
    "notebook",
    "hugging_face",
    "smp_model",
    "torchvision_model",
    "timm_model",
    "onnx_file",
    "pt2_file",
    "monai_volume",
    "point_cloud",
    "fine_tune",
)
HELPERS = ("common", "run_all")
TIME_LIMIT = 300  # seconds


def main() -> int:
    """Run them and print the last line of each; 1 if one failed."""
    failed = []
    for name in EXAMPLES:
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")],
            capture_output=True, text=True, check=False, timeout=TIME_LIMIT,
        )  # fmt: skip
        lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
        print(f"{name:20}{time.monotonic() - start:5.1f} s  {lines[-1] if lines else ''}")
        if done.returncode != 0:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
