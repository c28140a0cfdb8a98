"""The plan of a street: widths, curve, junction, and the buildings that throw shadows."""

from dataclasses import dataclass, field

import numpy as np

from segcert_scenes.randomness import F32, Dice
from segcert_scenes.streets.camera import Point
from segcert_scenes.streets.light import Light

SKYLINE = 320  # metres of street for which the heights of the buildings are kept
BEHIND = 40  # of these, metres behind the camera


@dataclass(frozen=True)
class Street:
    """Plan of a street along z; lateral positions ``s`` are metres right of its centre line."""

    road: float  # half the width of the road
    kerb: float  # s of the far edge of the pavement
    line: float  # s of the building line; between is grass or a forecourt
    bend: float  # curvature, 1/m
    end: float  # z where the street meets a cross street with buildings behind
    crossing: float  # z of a crossing street, or far away
    crossing_half: float  # half the width of the crossing road
    drives_right: bool
    eye: float  # s of the camera
    verge: bool  # grass between the pavement and the building line
    skyline: F32 = field(repr=False)  # (2, SKYLINE) heights of buildings left and right, metres

    def centre(self, z: float) -> float:
        """Return x of the centre line at ``z``."""
        reach = min(max(z, -20.0), 160.0)
        return self.bend * reach * reach / 2

    def at(self, s: float, z: float, y: float = 0.0) -> Point:
        """Return the world point at a lateral position."""
        return s + self.centre(z), y, z

    def slope(self, z: float) -> float:
        """Return dx/dz of the centre line."""
        return self.bend * min(max(z, -20.0), 160.0)

    def in_crossing(self, z: float, margin: float = 0.0) -> bool:
        """Tell whether ``z`` lies on the crossing road."""
        return abs(z - self.crossing) < self.crossing_half + margin

    def lit(self, s: F32, y: F32 | float, z: F32, light: Light, softness: float = 0.4) -> F32:
        """Return how much of the sun reaches points of the street past the buildings, in [0, 1]."""
        across = light.sun[0]
        if abs(across) < 0.05:
            across = 0.05 if across >= 0 else -0.05
        side = 1 if across > 0 else 0
        way = (self.line - s) * (1 / across) if side else (self.line + s) * (-1 / across)
        row = (z + way * light.sun[2]).astype(np.int32) + BEHIND
        np.clip(row, 0, SKYLINE - 1, out=row)
        clear = y + way * light.sun[1] - np.take(self.skyline[side], row)
        lit: F32 = np.clip(clear * np.float32(1 / softness) + np.float32(0.5), 0, 1)
        return lit


def plan(dice: Dice) -> Street:
    """Draw the plan of a street."""
    road = dice.uniform(3.1, 4.2) if dice.chance(0.6) else dice.uniform(4.8, 7.2)
    kerb = road + dice.uniform(1.8, 4.0)
    verge = dice.chance(0.4)
    right = dice.chance(0.6)
    end = dice.uniform(55, 150)
    return Street(
        road=road,
        kerb=kerb,
        line=kerb + (dice.uniform(1.5, 5.0) if verge else dice.uniform(0.0, 0.3)),
        bend=0.0 if dice.chance(0.45) else dice.uniform(-1, 1) / 220,
        end=end,
        crossing=dice.uniform(16, 45) if dice.chance(0.4) else 1e6,
        crossing_half=dice.uniform(2.8, 4.2),
        drives_right=right,
        eye=(0.5 if right else -0.5) * road * dice.uniform(0.7, 1.1),
        verge=verge,
        skyline=np.zeros((2, SKYLINE), np.float32),
    )
