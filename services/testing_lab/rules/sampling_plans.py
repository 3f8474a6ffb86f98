"""Single sampling plans by attributes: ISO 2859-1:1999 = GB/T 2828.1-2012, tables 1, 2-A (normal) and 2-B (tightened).

Both master tables are diagonal: with i the place of the code letter and j that of the acceptance quality limit (AQL),
the acceptance number depends on i + j alone. The cells agree with MIL-STD-105E (1989, public domain), tables I, II-A
and II-B, whose single plans these two tables kept. Table 2-C (reduced) is not carried: it differs from MIL-STD-105E,
and no copy of it was at hand to compare with; nobody is obliged to use reduced inspection (clause 9.3.3).
"""

from bisect import bisect_left
from dataclasses import dataclass

LEVELS = ("S-1", "S-2", "S-3", "S-4", "I", "II", "III")
SEVERITIES = ("normal", "tightened")
AQLS = (
    0.010, 0.015, 0.025, 0.040, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10,
    15, 25, 40, 65, 100, 150, 250, 400, 650, 1000,
)  # fmt: skip
PERCENT_AQL_MAX = 10  # Above it an AQL counts nonconformities per hundred units, not per cent nonconforming.

# Largest lot of each row of table 1, and its code letters for the seven levels.
_LOT_SIZES = (8, 15, 25, 50, 90, 150, 280, 500, 1200, 3200, 10_000, 35_000, 150_000, 500_000)
_LETTER_ROWS = (
    "AAAAAAB", "AAAAABC", "AABBBCD", "ABBCCDE", "BBCCCEF", "BBCDDFG", "BCDEEGH", "BCDEFHJ",
    "CCEFGJK", "CDEGHKL", "CDFGJLM", "CDFHKMN", "DEGJLNP", "DEGJMPQ", "DEHKNQR",
)  # fmt: skip
_LETTERS = "ABCDEFGHJKLMNPQRS"  # S is reached only by an arrow of the tightened table.
_SAMPLE_SIZES = (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000, 3150)
_ACCEPTANCE = {
    "normal": {14: 0, 17: 1, 18: 2, 19: 3, 20: 5, 21: 7, 22: 10, 23: 14, 24: 21},
    "tightened": {15: 0, 18: 1, 19: 2, 20: 3, 21: 5, 22: 8, 23: 12, 24: 18},
}
_CORNER = {"normal": {25: 30, 26: 44}, "tightened": {25: 27, 26: 41}}  # Only letters A to E, at the highest AQLs.
_UPWARD = {"normal": 15, "tightened": None}  # The one inner diagonal whose arrow points up; other gaps point down.
_DOUBTFUL = {("A", 10), ("R", 0.015)}  # At the table's edge, where the diagonal leaves it; sources disagree.


@dataclass(frozen=True, slots=True)
class Plan:
    """Take `sample_size` items of a lot; accept it with at most `acceptance_number` nonconforming ones."""

    letter: str
    sample_size: int
    acceptance_number: int
    rejection_number: int
    whole_lot: bool  # The sample would be the lot or more: inspect all of it.


def code_letter(lot_size: int, level: str = "II") -> str:
    """Table 1: the sample size code letter. Raises ValueError for a lot below 2 or an unknown level."""
    if lot_size < 2 or level not in LEVELS:
        raise ValueError(f"a lot has 2 items or more, a level is one of {', '.join(LEVELS)}")
    return _LETTER_ROWS[bisect_left(_LOT_SIZES, lot_size)][LEVELS.index(level)]


def single_plan(lot_size: int, aql: float, level: str = "II", severity: str = "normal") -> Plan:
    """The plan for a lot: code letter, then the master table with its arrows followed.

    `aql` is one of `AQLS`. Raises ValueError for what the tables do not hold, and for the few cells at their edge that
    are not certain.
    """
    letter = code_letter(lot_size, level)
    chosen, acceptance = _follow(letter, aql, severity)
    size = _SAMPLE_SIZES[_LETTERS.index(chosen)]
    return Plan(chosen, min(size, lot_size), acceptance, acceptance + 1, whole_lot=size >= lot_size)


def master_cell(letter: str, aql: float, severity: str = "normal") -> Plan:
    """The plan that a cell of the master table leads to, its arrows followed, without regard to a lot."""
    chosen, acceptance = _follow(letter, aql, severity)
    return Plan(chosen, _SAMPLE_SIZES[_LETTERS.index(chosen)], acceptance, acceptance + 1, whole_lot=False)


def _follow(letter: str, aql: float, severity: str) -> tuple[str, int]:
    """(code letter, acceptance number) at the end of the arrows."""
    if severity not in SEVERITIES:
        raise ValueError(f"{severity!r} inspection: the tables at hand are {' and '.join(SEVERITIES)}")
    if aql not in AQLS:
        raise ValueError(f"{aql} is not one of the AQLs {', '.join(map(str, AQLS))}")
    if letter not in _LETTERS[:-1]:
        raise ValueError(f"{letter!r} is not a code letter")
    if (letter, aql) in _DOUBTFUL:
        raise ValueError(f"cell {letter}/{aql} at the edge of the table is not certain: take it from the standard")
    column, row = AQLS.index(aql), _LETTERS.index(letter)
    diagonal = row + column
    upward = diagonal == _UPWARD[severity] or diagonal > max(_ACCEPTANCE[severity])
    rows = range(row, -1, -1) if upward else range(row, len(_LETTERS))
    for place in rows:
        acceptance = _ACCEPTANCE[severity].get(place + column)
        if acceptance is None and place <= _LETTERS.index("E"):
            acceptance = _CORNER[severity].get(place + column)
        if acceptance is not None:
            return _LETTERS[place], acceptance
    raise ValueError(f"cell {letter}/{aql} at the edge of the table is not certain: take it from the standard")
