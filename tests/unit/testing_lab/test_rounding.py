"""Rounded once, half to even, and never again."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.testing_lab.rules.rounding import round_result, round_to, round_uncertainty, within_limits

decimals = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=6)
positive = st.decimals(Decimal("1e-9"), 10**9, allow_nan=False, allow_infinity=False)
intervals = st.sampled_from(["1", "0.1", "0.01", "100", "0.5", "0.2", "20", "50"])


@given(decimals, intervals)
def test_rounding_is_idempotent_near_and_on_the_grid(value: Decimal, interval: str) -> None:
    rounded, step = round_to(value, interval), Decimal(interval)
    assert round_to(rounded, interval) == rounded
    assert abs(rounded - value) <= step / 2
    assert rounded % step == 0


@given(decimals, decimals, intervals)
def test_rounding_keeps_order_and_mirrors(value: Decimal, other: Decimal, interval: str) -> None:
    lower, higher = sorted((value, other))
    assert round_to(lower, interval) <= round_to(higher, interval)
    assert round_to(-value, interval) == -round_to(value, interval)


@given(positive, st.sampled_from([1, 2]), st.booleans())
def test_an_uncertainty_keeps_one_or_two_digits(uncertainty: Decimal, digits: int, up: bool) -> None:
    rounded = round_uncertainty(uncertainty, digits, up=up)
    assert len(rounded.as_tuple().digits) == digits
    assert round_uncertainty(rounded, digits, up=up) == rounded
    assert not up or rounded >= uncertainty


@given(decimals, positive)
def test_value_and_uncertainty_end_at_the_same_place(value: Decimal, uncertainty: Decimal) -> None:
    result = round_result(value, uncertainty)
    assert result.value.as_tuple().exponent == result.uncertainty.as_tuple().exponent
    again = round_result(result.value, result.uncertainty)
    assert (again.value, again.uncertainty) == (result.value, result.uncertainty)


@pytest.mark.parametrize(
    ("value", "interval", "rounded"),
    [(0.15, "0.1", "0.2"), (0.25, "0.1", "0.2"), (0.35, "0.1", "0.4"), (2.5, "1", "2"), (1.005, "0.01", "1.00")],
)
def test_a_float_is_rounded_as_it_is_written(value: float, interval: str, rounded: str) -> None:
    """In binary 0.15 is a little below and 1.005 a little below their text; a person sees the text."""
    assert round_to(value, interval) == Decimal(rounded)


@pytest.mark.parametrize(
    ("uncertainty", "digits", "up", "rounded"),
    [
        ("0.0996", 2, False, "0.10"),
        ("0.0991", 2, True, "0.10"),
        ("0.0996", 1, False, "0.1"),
        ("0.0912", 2, True, "0.092"),
        ("58.52", 2, False, "59"),
        ("1234", 2, False, "1.2E+3"),
        ("0", 2, False, "0"),
    ],
)
def test_the_place_moves_when_rounding_carries(uncertainty: str, digits: int, up: bool, rounded: str) -> None:
    result = round_uncertainty(uncertainty, digits, up=up)
    assert (result, result.as_tuple()) == (Decimal(rounded), Decimal(rounded).as_tuple())


def test_both_ways_of_comparing_with_a_limit() -> None:
    assert not within_limits("10.04", upper=10)
    assert within_limits("10.04", upper=10, rounded_to="0.1")
    assert not within_limits("10.06", upper=10, rounded_to="0.1")
    assert within_limits("9.96", lower=10, rounded_to="0.1")
    assert within_limits(10, lower=10, upper=10)


@pytest.mark.parametrize("value", ["ten", float("nan"), "inf", None])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="number"):
        round_to(value, 1)  # type: ignore[arg-type]


def test_impossible_roundings_are_refused() -> None:
    with pytest.raises(ValueError, match="interval"):
        round_to(1, 0)
    with pytest.raises(ValueError, match="digits"):
        round_uncertainty(1, 3)
    with pytest.raises(ValueError, match="digits"):
        round_uncertainty(-1)
    with pytest.raises(ValueError, match="place"):
        round_result(1, 0)
