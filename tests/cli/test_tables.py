"""Notes that commands print."""

import pytest

from segcert.cli import tables
from segcert.models.files.checkpoints import Description


@pytest.mark.parametrize(
    ("heights", "scale", "advice"),
    [([360], 1.0, ""), ([500, 300], 1.0, ""), ([360, 1440], 1.0, "--scale 0.25"),
     ([1440], 0.25, ""), ([90], 1.0, "--scale 4")],
)  # fmt: skip
def test_images_of_another_size_than_those_of_the_training_are_noted(
    heights: list[int],
    scale: float,
    advice: str,
    describe: object,
    capsys: pytest.CaptureFixture[str],
) -> None:
    about: Description = describe(image_height=360)  # type: ignore[operator]
    tables.warn_about_size("tiny", about, heights, scale)
    assert advice in capsys.readouterr().err
    if not advice:
        tables.warn_about_size("tiny", about, heights, scale)
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("noise", "sigma", "words"),
    [
        ("gaussian", 0.25, ""),
        ("gaussian", 0.1, "trained with sigma = 0.25, not 0.1"),
        ("uniform", 0.25, "trained with Gaussian noise (sigma = 0.25), not with uniform noise"),
    ],
)
def test_other_noise_than_that_of_the_training_is_noted(
    noise: str, sigma: float, words: str, describe: object,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    about: Description = describe()  # type: ignore[operator]
    tables.warn_about_noise("tiny", about, noise, sigma)
    err = " ".join(capsys.readouterr().err.split())
    assert words in err
    assert bool(err) == bool(words)


def test_weights_of_unknown_size_are_not_noted(
    describe: object, capsys: pytest.CaptureFixture[str]
) -> None:
    about: Description = describe()  # type: ignore[operator]
    tables.warn_about_size("tiny", about, [4000], 1.0)
    assert capsys.readouterr().err == ""


def test_files_that_say_nothing_of_their_training_are_not_noted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables.warn_about_size("net.pt2", None, [4000], 1.0)
    tables.warn_about_noise("net.pt2", None, "uniform", 0.1)
    assert capsys.readouterr().err == ""
