"""A model is read, never executed, and its derivatives are exact."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.testing_lab.rules.expression import NODES_MAX, Model

numbers = st.floats(0.2, 5.0)


def formulas() -> st.SearchStrategy[str]:
    """Random models of a and b that are finite and smooth for values between 0.2 and 5."""
    leaves = st.sampled_from(["a", "b", "2", "0.5", "pi"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds("({} + {})".format, inner, inner),
            st.builds("({} - {})".format, inner, inner),
            st.builds("({} * {})".format, inner, inner),
            st.builds("({} / (1 + ({})**2))".format, inner, inner),
            st.builds("sin({})".format, inner),
            st.builds("atan({})".format, inner),
            st.builds("exp(-({})**2)".format, inner),
            st.builds("sqrt(1 + ({})**2)".format, inner),
            st.builds("log(2 + cos({}))".format, inner),
            st.builds("(1.5 + sin({}))**{}".format, inner, st.sampled_from(["a", "2", "-1", "0"])),
        ),
        max_leaves=6,
    )


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__",
        "a.real",
        "a[0]",
        "'a' * 3",
        "True + a",
        "1j * a",
        "lambda: 1",
        "[a for a in b]",
        "a if b else c",
        "a and b",
        "a < b",
        "a := 3",
        "f(a)",
        "sqrt(a, b)",
        "sqrt(x=a)",
        "sqrt(*a)",
        "sqrt",
        "sqrt + 1",
        "_a + 1",
        "a // b",
        "a % b",
        "a @ b",
        "~a",
        "not a",
        "a; b",
        "a = 1",
        "",
        "   ",
        "1e999",
        "10**" * 3,
        "9" * 400,
        "\x00",
        "(" * 500 + "a" + ")" * 500,
        "+".join(["a"] * NODES_MAX),
        "a" * 3000,
        "f'{a}'",
        "...",
        "await a",
        "print(a)",
        "eval(a)",
        "not " * 280 + "a",
        "-" * 1999 + "a",
        "a." * 800 + "a",
        "[" * 150 + "a" + "]" * 150,
    ],
)
def test_anything_foreign_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Model(text)


@given(st.text(max_size=60))
def test_any_text_is_a_model_or_refused(text: str) -> None:
    try:
        names = Model(text).names
    except ValueError:
        return
    assert all(name.isidentifier() and not name.startswith("_") for name in names)


def test_a_model_as_deep_as_allowed_is_evaluated_and_differentiated() -> None:
    model = Model("-" * (NODES_MAX // 2 - 4) + "a")
    assert (model.evaluate({"a": 2.0}), model.third({"a": 2.0}, "a", "a")) == (2.0, 0.0)


def test_inputs_are_named_in_order_of_appearance() -> None:
    assert Model("b * sin(a) + b / pi").names == ("b", "a")
    assert Model("2 * 3").names == ()


@pytest.mark.parametrize("text", ["9**9**9**9 * a", "a / (a - a)", "log(-a)", "sqrt(-a)", "(0 - a)**0.5", "0**-a"])
def test_a_model_without_a_finite_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        Model(text).evaluate({"a": 1.0})


def test_a_missing_input_is_named() -> None:
    with pytest.raises(ValueError, match="no value for b"):
        Model("a + b").evaluate({"a": 1.0})
    with pytest.raises(ValueError, match="no value for b"):
        Model("a + b").gradient({"a": 1.0})


def test_an_array_is_evaluated_value_by_value() -> None:
    values = Model("a**2 + b").evaluate({"a": np.array([1.0, 2.0]), "b": 1.0})
    assert values.tolist() == [2.0, 5.0]


@settings(max_examples=60, deadline=None)
@given(formulas(), numbers, numbers)
def test_derivatives_agree_with_differences(text: str, a: float, b: float) -> None:
    model = Model(f"({text}) + 0 * a + 0 * b")
    at = {"a": a, "b": b}
    step = 1e-5
    for name in ("a", "b"):
        higher, lower = ({**at, name: at[name] + sign * step} for sign in (1, -1))
        slope = (model.evaluate(higher) - model.evaluate(lower)) / (2 * step)
        first = model.gradient(at)[name]
        curvature = (model.gradient(higher)["a"] - model.gradient(lower)["a"]) / (2 * step)
        third = (model.second(higher, "a", name) - model.second(lower, "a", name)) / (2 * step)
        scale = 1 + abs(float(model.evaluate(at))) + abs(first) + abs(curvature) + abs(third)
        assert first == pytest.approx(slope, abs=1e-4 * scale)
        assert model.second(at, "a", name) == pytest.approx(curvature, abs=1e-4 * scale)
        assert model.third(at, "a", name) == pytest.approx(third, abs=1e-3 * scale)


@pytest.mark.parametrize(
    ("text", "slope", "curvature"),
    [
        ("log10(a)", 1 / (2 * math.log(10)), -1 / (4 * math.log(10))),
        ("tan(a)", 1 / math.cos(2) ** 2, 2 * math.tan(2) / math.cos(2) ** 2),
        ("asin(a / 4)", 1 / math.sqrt(12), 2 / 12**1.5),
        ("acos(a / 4)", -1 / math.sqrt(12), -2 / 12**1.5),
        ("1 / a", -0.25, 0.25),
        ("2**a", 4 * math.log(2), 4 * math.log(2) ** 2),
        ("a**3", 12, 12),
        ("+a - -a", 2, 0),
        ("3 - a", -1, 0),
    ],
)
def test_textbook_derivatives(text: str, slope: float, curvature: float) -> None:
    model = Model(text)
    assert model.gradient({"a": 2.0})["a"] == pytest.approx(slope)
    assert model.second({"a": 2.0}, "a", "a") == pytest.approx(curvature)


def test_a_square_at_zero_has_a_slope_of_zero_and_a_root_has_none() -> None:
    assert Model("a**2").gradient({"a": 0.0}) == {"a": 0.0}
    assert Model("a**2").second({"a": 0.0}, "a", "a") == 2.0
    with pytest.raises(ValueError, match="no derivative"):
        Model("sqrt(a)").gradient({"a": 0.0})
