"""A Ray cluster of two nodes on this machine; one of them is killed in the middle of a run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_models import evaluate_noise, figures_of, open_net, save_cloud_net
from model_options import CASES, CLOUDS, NEEDS, model_of, options, photographs

from segcert.errors import InputError
from segcert.runs.block_files import BLOCKS
from segcert.runs.evaluate import SUMMARY, Results, load_results

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]  # ray's own warnings
ray = pytest.importorskip("ray", reason="Ray is not installed: make test-cluster")
TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of one node with one core; nodes can be added and killed."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    monkeypatch.setenv("PYTHONPATH", path)  # of the nodes
    small = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=small)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def small_node(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)


def machines() -> int:
    """How many machines of the cluster are alive."""
    return sum(1 for node in ray.nodes() if node["Alive"])


def test_a_node_that_is_killed_midway_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    """The counts, margins, fingerprints and rows of the local engine, with half the cluster."""
    from segcert.runs.engines.ray_engine import RayEngine

    began = time.monotonic()
    whole = evaluate_noise(open_net(), tmp_path / "local", images=4, side=96)
    alone = time.monotonic() - began
    second = small_node(cluster)
    cluster.wait_for_nodes()
    began = time.monotonic()
    with RayEngine(open_net, address=cluster.address) as engine:
        assert (engine.device_type, machines()) == ("cpu", 2)
        up, first_block, killed, after = time.monotonic() - began, 0.0, 0.0, 0

        def watch(name: str, done: int, _: int) -> None:
            nonlocal first_block, killed, after
            first_block = first_block or time.monotonic()
            after += bool(killed)
            both = len(engine._up) == 2
            if not killed and both and not name.startswith("1/") and done > 30:
                cluster.remove_node(second, allow_graceful=False)  # SIGKILL to all of the node
                killed = time.monotonic()

        before = {worker.actor._actor_id for worker in engine._workers}
        found = evaluate_noise(
            open_net(), tmp_path / "ray", images=4, side=96, engine=engine, progress=watch
        )
        end, lost = time.monotonic(), dict(engine._lost)
        actors = {worker.actor._actor_id for worker in engine._workers}
        while machines() > 1 and time.monotonic() < end + 60:  # as soon as the head knows
            time.sleep(0.5)
        assert machines() == 1
    assert killed
    assert after > 50  # it was in the middle
    assert len(before - actors) == 1  # one worker of two is lost
    assert lost  # with blocks in flight
    assert figures_of(found) == figures_of(whole)
    one, other = ((tmp_path / name / SUMMARY).read_bytes() for name in ("local", "ray"))
    assert one == other
    assert not (tmp_path / "ray" / BLOCKS).exists()
    print(
        f"\nlocal {alone:.1f} s; workers up after {up:.1f} s; {killed - first_block:.1f} s with "
        f"two nodes; {end - killed:.1f} s with one; blocks in flight on the lost node: {len(lost)}"
    )


@pytest.mark.parametrize("data", ["synthetic", "shapes"])
def test_the_command_works_on_a_cluster(cluster: Any, tmp_path: Path, data: str) -> None:
    """On images and on clouds."""
    more = {
        "synthetic": ["--model", "synthetic", "--n", "45", "--n0", "1", "--scale", "0.25"],
        "shapes": ["--model", str(tmp_path / "net.safetensors"), "--n", "24", "--sigma", "0.1"],
    }[data]
    save_cloud_net(tmp_path / "net.safetensors")

    def run(out: str, *engine: str) -> Results:
        command = [
            sys.executable, "-m", "segcert", "evaluate", "--data", data, "--scenes", "2", *more,
            "--tau", "0.6", "--alpha", "0.1", "--seed", "3", "--device", "cpu",
            "--batch-size", "8", "--out", str(tmp_path / out), *engine,
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=200)
        return load_results(tmp_path / out)

    alone = run("local")
    spread = run("ray", "--engine", "ray", "--address", cluster.address, "--workers", "1")
    assert len(alone.rows) == 2
    assert figures_of(spread) == figures_of(alone)
    one, other = ((tmp_path / name / SUMMARY).read_bytes() for name in ("local", "ray"))
    assert one == other


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_every_option_of_a_model_gives_the_same_counts_on_a_cluster(
    cluster: Any, tmp_path: Path, command: Callable[..., Any], weights: Path,
    draw_pixels: Callable[..., Any], kind: str, case: str,
) -> None:  # fmt: skip
    if case in NEEDS:
        pytest.importorskip(NEEDS[case], reason=f"{NEEDS[case]} is not installed")
    cloud_net = tmp_path / "net.safetensors"
    image = kind == "image"
    net = model_of(case, weights, tmp_path) if image else save_cloud_net(cloud_net)
    data = CLOUDS if kind == "cloud" else photographs(tmp_path, draw_pixels)
    asked = (
        "evaluate", *data, "--model", net, *options(kind, case, tmp_path), "--seed", 3,
        "--device", "cpu", "--batch-size", 4,
    )  # fmt: skip
    alone = command(*asked, "--out", tmp_path / "local")
    assert alone.status == 0, alone.err
    there = ("--engine", "ray", "--address", cluster.address, "--workers", 1)
    spread = command(*asked, "--out", tmp_path / "ray", *there)
    assert spread.status == 0, spread.err
    one, other = (load_results(tmp_path / name) for name in ("local", "ray"))
    assert figures_of(other) == figures_of(one)
    assert sum(row.certified for row in one.rows) > 0


def test_no_cluster_is_one_line() -> None:
    from segcert.runs.engines.ray_engine import RayEngine

    with pytest.raises(InputError, match=r"no Ray cluster at address '127\.0\.0\.1:1'") as caught:
        RayEngine(open_net, address="127.0.0.1:1")
    assert "\n" not in str(caught.value)
