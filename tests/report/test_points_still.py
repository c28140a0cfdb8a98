"""The still picture of a cloud."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from point_views import make_points_view

from segcert.errors import InputError
from segcert.report.points_still import ABSTAIN, Viewpoint, draw_points, panels, still_png

FRONT = Viewpoint(yaw=0, pitch=0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_point_covers_the_farther(order: tuple[int, int]) -> None:
    points = np.array([[0, 0, 0.5], [0, 0, -0.5]], np.float32)[list(order)]
    colours = np.array([[200, 0, 0], [0, 0, 200]], np.uint8)[list(order)]
    red, _, blue = draw_points(points, colours, size=41, camera=FRONT)[20, 20]
    assert red > blue


def test_up_is_up_and_right_is_right() -> None:
    points = np.array([[0.9, 0, 0], [0, 0.9, 0]], np.float32)
    picture = draw_points(points, np.zeros((2, 3), np.uint8), size=400, camera=FRONT)
    assert (picture[200:, 300:] < 255).any()
    assert (picture[:100, 150:250] < 255).any()
    assert (picture[300:] == 255).all()
    assert (picture[:, :50] == 255).all()


def test_panels_show_parts_certificate_counts_and_truth() -> None:
    view = make_points_view(300)
    shown = dict(panels(view))
    assert len(shown) == 4
    assert len(panels(make_points_view(300, truth=False))) == 3
    grey = (shown["certified, or grey"] == ABSTAIN).all(axis=1)
    assert np.array_equal(grey, ~view.certified)


@pytest.mark.parametrize("points", [1, 2048])
def test_the_file_is_a_picture_and_the_same_every_time(points: int) -> None:
    view = make_points_view(points, truth=False)
    file = still_png(view, size=200)
    assert Image.open(BytesIO(file)).size == (600, 310)
    assert file == still_png(view, size=200)


def test_a_side_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="size"):
        draw_points(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.uint8), size=0, camera=FRONT)
