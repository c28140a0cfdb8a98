"""Sun, sky light, haze and exposure."""

import math
from dataclasses import dataclass

import numpy as np

from segcert_scenes.randomness import F32, Dice
from segcert_scenes.streets.camera import Point, exact

Colour = tuple[float, float, float]  # linear light, 1 = white in full exposure


def srgb(red: float, green: float, blue: float) -> Colour:
    """Turn a colour as displayed, 0 to 255, into linear light (gamma 2, exact on any machine)."""
    return (red / 255) ** 2, (green / 255) ** 2, (blue / 255) ** 2


def times(a: Colour, b: Colour) -> Colour:
    """Multiply two colours channel by channel."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


def scaled(a: Colour, factor: float) -> Colour:
    """Multiply a colour by a number."""
    return a[0] * factor, a[1] * factor, a[2] * factor


def mixed(a: Colour, b: Colour, part: float) -> Colour:
    """Go from ``a`` to ``b`` by ``part`` of the way."""
    return (
        a[0] + (b[0] - a[0]) * part,
        a[1] + (b[1] - a[1]) * part,
        a[2] + (b[2] - a[2]) * part,
    )


def varied(dice: Dice, colour: Colour, amount: float) -> Colour:
    """Change brightness and tint of a colour at random by up to ``amount``, relative."""
    bright = 1 + dice.uniform(-amount, amount)
    tint = dice.uniform(-amount, amount) / 3
    return colour[0] * bright * (1 + tint), colour[1] * bright, colour[2] * bright * (1 - tint)


@dataclass(frozen=True)
class Light:
    """The light of one scene; ``sun`` is the unit vector towards the sun."""

    sun: Point
    sun_colour: Colour
    sky_colour: Colour
    zenith: Colour
    horizon: Colour
    clouds: float  # share of the sky that is covered, in [0, 1]
    haze_length: float  # metres at which half of the light is haze
    dusk: float  # 0 by day, 1 when the lamps are lit

    def on(self, normal: Point, visible: float = 1.0) -> Colour:
        """Return the light that falls on a surface."""
        towards = normal[0] * self.sun[0] + normal[1] * self.sun[1] + normal[2] * self.sun[2]
        direct = max(0.0, towards) * visible
        open_sky = 0.62 + 0.38 * normal[1]
        return (
            self.sun_colour[0] * direct + self.sky_colour[0] * open_sky,
            self.sun_colour[1] * direct + self.sky_colour[1] * open_sky,
            self.sun_colour[2] * direct + self.sky_colour[2] * open_sky,
        )

    def through_air(self, colour: Colour, depth: float) -> Colour:
        """Return a colour as seen through ``depth`` metres of haze."""
        return mixed(colour, self.horizon, depth / (depth + self.haze_length))

    def air(self, depth: F32) -> F32:
        """Return the share of haze for an array of depths in metres."""
        share: F32 = depth / (depth + np.float32(self.haze_length))
        return share


def _skies(dice: Dice) -> tuple[float, float, float, float]:
    """Draw sun elevation in degrees, cover of the sky, strength of the sun, dusk."""
    kind = dice.uniform()
    if kind < 0.45:  # sunny
        return dice.uniform(22, 62), dice.uniform(0.05, 0.45), dice.uniform(0.8, 1.0), 0.0
    if kind < 0.65:  # broken clouds
        return dice.uniform(25, 60), dice.uniform(0.5, 0.75), dice.uniform(0.35, 0.7), 0.0
    if kind < 0.86:  # overcast
        return dice.uniform(30, 60), dice.uniform(0.9, 1.0), dice.uniform(0.0, 0.1), 0.0
    return dice.uniform(7, 16), dice.uniform(0.1, 0.6), dice.uniform(0.5, 0.8), dice.uniform(0.3, 1)


def daylight(dice: Dice) -> Light:
    """Draw the light of a scene."""
    degrees, clouds, strength, dusk = _skies(dice)
    elevation = math.radians(degrees)
    azimuth = dice.uniform(0, 2 * math.pi)
    up, flat = exact(math.sin(elevation)), exact(math.cos(elevation))
    sun = (flat * exact(math.sin(azimuth)), up, flat * exact(math.cos(azimuth)))
    warm = min(1.0, max(0.0, (40 - degrees) / 33))
    sun_colour = scaled(mixed((1.0, 0.95, 0.86), (1.0, 0.66, 0.38), warm), 1.55 * strength)
    blue, grey = srgb(112, 160, 222), srgb(212, 218, 226)
    zenith = mixed(varied(dice, blue, 0.3), varied(dice, grey, 0.25), max(0.0, clouds - 0.55) * 2.2)
    zenith = mixed(zenith, srgb(92, 112, 160), 0.8 * dusk)
    horizon = mixed(srgb(205, 222, 238), grey, clouds)
    horizon = mixed(
        horizon, mixed(srgb(250, 205, 150), srgb(240, 170, 140), dice.uniform()), 0.75 * dusk
    )
    sky_colour = scaled(
        mixed(mixed(zenith, horizon, 0.5), (0.75, 0.75, 0.75), 0.6), 0.45 + 0.6 * clouds
    )
    return Light(
        sun=sun,
        sun_colour=sun_colour,
        sky_colour=scaled(sky_colour, 1 - 0.25 * dusk),
        zenith=zenith,
        horizon=scaled(horizon, 0.95),
        clouds=clouds,
        haze_length=dice.uniform(250, 1200) if dice.chance(0.85) else dice.uniform(90, 200),
        dusk=dusk,
    )
