"""Rolling bearings: geometry as data, and how often a defect of each part is struck in one turn of the shaft.

Source of the formulas: R. B. Randall and J. Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical
Systems and Signal Processing 25 (2011); no slip, outer race at rest. Real bearings slip by 1 or 2 percent.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import cos, isfinite, radians
from typing import Any


@dataclass(frozen=True, slots=True)
class Bearing:
    """Geometry; both diameters in millimetres, the contact angle in degrees."""

    name: str
    balls: int
    ball_diameter_mm: float
    pitch_diameter_mm: float
    contact_angle_deg: float = 0.0
    source: str = ""


BEARINGS: dict[str, Bearing] = {
    "6205": Bearing(
        "6205-2RS JEM SKF", 9, 0.3126 * 25.4, 1.537 * 25.4, 0.0,
        "Case Western Reserve University Bearing Data Center, drive end",
    ),
    "6203": Bearing(
        "6203-2RS JEM SKF", 8, 0.2656 * 25.4, 1.122 * 25.4, 0.0,
        "Case Western Reserve University Bearing Data Center, fan end",
    ),
    "6308": Bearing("6308", 8, 15.08, 65.0, 0.0, "typical dimensions of the size; makers differ"),
    "6313": Bearing("6313", 8, 24.0, 102.5, 0.0, "typical dimensions of the size; makers differ"),
    "er-16k": Bearing("MB ER-16K", 9, 7.9375, 38.5, 0.0, "Curtin University, G. Forbes, fault simulator, 2012"),
    "za-2115": Bearing(
        "Rexnord ZA-2115", 16, 0.331 * 25.4, 2.815 * 25.4, 15.17, "IMS, University of Cincinnati, run-to-failure rig"
    ),
}  # fmt: skip


class UnknownBearing(ValueError):
    """No geometry for that name; the text lists the known ones."""


def bearing_of(description: str | Mapping[str, Any] | Bearing) -> Bearing:
    """A bearing by its key in BEARINGS, or from its own geometry (`balls`, `ball_diameter_mm`, `pitch_diameter_mm`,
    optionally `contact_angle_deg` and `name`). Raises UnknownBearing."""
    if isinstance(description, Bearing):
        return description
    if isinstance(description, str):
        found = BEARINGS.get(description.lower())
        if found is None:
            raise UnknownBearing(f"no geometry for bearing {description!r}; known: {sorted(BEARINGS)}")
        return found
    try:
        bearing = Bearing(**{"name": "custom", **description})
        defect_multiples(
            balls=bearing.balls,
            ball_diameter=bearing.ball_diameter_mm,
            pitch_diameter=bearing.pitch_diameter_mm,
            contact_angle_deg=bearing.contact_angle_deg,
        )
    except (TypeError, ValueError) as error:
        raise UnknownBearing(f"bearing geometry not usable: {error}") from error
    return bearing


def defect_multiples(
    *, balls: int, ball_diameter: float, pitch_diameter: float, contact_angle_deg: float = 0.0
) -> dict[str, float]:
    """Multiples of shaft speed, both diameters in one unit.

    `outer_race` BPFO = n/2 (1 - r), `inner_race` BPFI = n/2 (1 + r), `cage` FTF = (1 - r)/2, `ball_spin` BSF =
    D/2d (1 - r^2), `ball` = 2 BSF because a defect on a ball strikes both races in each of its turns; r = d/D cos a.
    """
    if balls < 3 or not 0 < ball_diameter < pitch_diameter or not isfinite(pitch_diameter):
        raise ValueError("needs at least 3 balls and 0 < ball diameter < pitch diameter")
    ratio = ball_diameter / pitch_diameter * cos(radians(contact_angle_deg))
    spin = pitch_diameter / ball_diameter / 2 * (1 - ratio**2)
    return {
        "inner_race": balls / 2 * (1 + ratio),
        "outer_race": balls / 2 * (1 - ratio),
        "ball_spin": spin,
        "ball": 2 * spin,
        "cage": (1 - ratio) / 2,
    }


def defect_frequencies(*, bearing: str | Mapping[str, Any] | Bearing, shaft_rpm: float) -> dict[str, float]:
    """The same in Hz at `shaft_rpm`."""
    geometry = asdict(bearing_of(bearing))
    multiples = defect_multiples(
        balls=geometry["balls"],
        ball_diameter=geometry["ball_diameter_mm"],
        pitch_diameter=geometry["pitch_diameter_mm"],
        contact_angle_deg=geometry["contact_angle_deg"],
    )
    return {part: multiple * shaft_rpm / 60.0 for part, multiple in multiples.items()}
