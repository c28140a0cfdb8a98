"""The Ray engine where Ray is absent, and what it makes of the resources of a cluster."""

import sys

import pytest
from engine_models import open_net

from segcert.errors import InputError
from segcert.runs.engines.ray_engine import RayEngine, device_of


def test_without_ray_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"engine ray needs Ray: pip install 'segcert\[ray\]'"):
        RayEngine(open_net)


def test_the_number_of_workers_is_checked_first() -> None:
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        RayEngine(open_net, workers=0)


def test_devices_are_those_of_the_cluster() -> None:
    assert device_of("auto", {"CPU": 8.0, "GPU": 2.0}) == ("cuda", 2)
    assert device_of("auto", {"CPU": 8.0}) == ("cpu", 8)
    assert device_of("cpu", {"CPU": 8.0, "GPU": 2.0}) == ("cpu", 8)
    with pytest.raises(InputError, match="the Ray cluster has no cuda device: it has 0 GPUs"):
        device_of("cuda", {"CPU": 8.0})
    with pytest.raises(InputError, match="must be 'auto', 'cpu' or 'cuda', got 'cuda:1'"):
        device_of("cuda:1", {"GPU": 2.0})
