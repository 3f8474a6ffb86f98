"""Measurement models as text: read through a whitelist, never executed, differentiated exactly.

Derivatives come from dual numbers (value, slope), whose parts may be dual numbers again, so that the same arithmetic
gives first, second and third derivatives without step size: A. Griewank, A. Walther, "Evaluating Derivatives", SIAM
(2008), chapter 3.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

TEXT_LENGTH_MAX = 2000
NODES_MAX = 300
NUMBER_MAX = 1e300
CONSTANTS = {"pi": np.pi}

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: lambda x: x, ast.USub: operator.neg}

# Each function beside its derivative; both take numbers, arrays or dual numbers.
_FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sqrt": (np.sqrt, lambda x: 0.5 / _call("sqrt", x)),
    "exp": (np.exp, lambda x: _call("exp", x)),
    "log": (np.log, lambda x: 1.0 / x),
    "log10": (np.log10, lambda x: 1.0 / (np.log(10.0) * x)),
    "sin": (np.sin, lambda x: _call("cos", x)),
    "cos": (np.cos, lambda x: -_call("sin", x)),
    "tan": (np.tan, lambda x: 1.0 / _call("cos", x) ** 2.0),
    "asin": (np.arcsin, lambda x: 1.0 / _call("sqrt", 1.0 - x * x)),
    "acos": (np.arccos, lambda x: -1.0 / _call("sqrt", 1.0 - x * x)),
    "atan": (np.arctan, lambda x: 1.0 / (1.0 + x * x)),
}


def _call(name: str, x: Any) -> Any:
    function, derivative = _FUNCTIONS[name]
    if isinstance(x, Dual):
        return Dual(_call(name, x.value), derivative(x.value) * x.slope)
    return function(x)


def _parts(x: Any) -> tuple[Any, Any]:
    return (x.value, x.slope) if isinstance(x, Dual) else (x, 0.0)


@dataclass(frozen=True, slots=True)
class Dual:
    """value + slope * e with e * e = 0; the parts are numbers or dual numbers."""

    value: Any
    slope: Any

    __array_ufunc__: ClassVar[None] = None  # Lets NumPy's numbers leave mixed arithmetic to this class.

    def __add__(self, other: Any) -> "Dual":
        value, slope = _parts(other)
        return Dual(self.value + value, self.slope + slope)

    __radd__ = __add__

    def __neg__(self) -> "Dual":
        return Dual(-self.value, -self.slope)

    def __sub__(self, other: Any) -> "Dual":
        value, slope = _parts(other)
        return Dual(self.value - value, self.slope - slope)

    def __rsub__(self, other: Any) -> "Dual":
        return Dual(other - self.value, -self.slope)

    def __mul__(self, other: Any) -> "Dual":
        value, slope = _parts(other)
        return Dual(self.value * value, self.slope * value + self.value * slope)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Dual":
        value, slope = _parts(other)
        quotient = self.value / value
        return Dual(quotient, (self.slope - quotient * slope) / value)

    def __rtruediv__(self, other: Any) -> "Dual":
        return Dual(other, 0.0) / self

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, Dual):
            return _call("exp", other * _call("log", self))
        if other == 0.0:
            return np.float64(1.0)  # Also at zero, where the rule below would divide by it.
        return Dual(self.value**other, other * self.value ** (other - 1.0) * self.slope)

    def __rpow__(self, other: Any) -> Any:
        return _call("exp", self * _call("log", other))


class Model:
    """y = f(x1, x2, ...) from text such as `"(a + b) * sqrt(c) / 2"`.

    Allowed: numbers, names, `+ - * / **`, brackets, `pi`, and sqrt exp log log10 sin cos tan asin acos atan (radians).
    `names` are the inputs in order of appearance. Raises ValueError for anything else.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tree = _parse(text)
        called = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        found = [n for n in ast.walk(self._tree) if isinstance(n, ast.Name) and id(n) not in called]
        found.sort(key=lambda node: (node.lineno, node.col_offset))
        self.names = tuple(dict.fromkeys(node.id for node in found if node.id not in CONSTANTS))

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """y for numbers or equally long arrays; raises ValueError when an input is missing or y is not finite."""
        self._check(values)
        with np.errstate(all="ignore"):
            result = _evaluate(self._tree, {name: np.asarray(values[name], dtype=float)[()] for name in self.names})
        if not np.all(np.isfinite(result)):
            raise ValueError(f"{self.text!r} has no finite value at the given inputs")
        return result

    def gradient(self, values: Mapping[str, float]) -> dict[str, float]:
        """First derivatives at `values`: the sensitivity coefficients of JCGM 100, 5.1.3."""
        return {name: self._derivative(values, (name,)) for name in self.names}

    def second(self, values: Mapping[str, float], name: str, other: str) -> float:
        """Second derivative with respect to `name` and `other`."""
        return self._derivative(values, (name, other))

    def third(self, values: Mapping[str, float], name: str, other: str) -> float:
        """Third derivative, once with respect to `name` and twice to `other`: the mixed term of JCGM 100, 5.1.2."""
        return self._derivative(values, (name, other, other))

    def _derivative(self, values: Mapping[str, float], directions: tuple[str, ...]) -> float:
        self._check(values)
        lifted: dict[str, Any] = {name: np.float64(values[name]) for name in self.names}
        for direction in directions:
            lifted = {name: Dual(value, float(name == direction)) for name, value in lifted.items()}
        with np.errstate(all="ignore"):
            result = _evaluate(self._tree, lifted)
        for _ in directions:
            result = _parts(result)[1]
        if not np.isfinite(result):
            raise ValueError(f"{self.text!r} has no derivative by {', '.join(directions)} at the given inputs")
        return float(result)

    def _check(self, values: Mapping[str, Any]) -> None:
        if missing := [name for name in self.names if name not in values]:
            raise ValueError(f"no value for {', '.join(missing)}")


def _parse(raw: str) -> ast.expr:
    text = raw.strip()
    if not text or len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"a model has 1 to {TEXT_LENGTH_MAX} characters")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a formula: {error}") from error
    nodes = list(ast.walk(tree))
    if len(nodes) > NODES_MAX:
        raise ValueError(f"a model has at most {NODES_MAX} parts")
    _admit(tree, text)
    return tree


def _admit(node: ast.expr, text: str) -> None:
    """Let through what the whitelist names; everything else, whatever Python will add, is refused."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            if not abs(number) <= NUMBER_MAX:
                raise ValueError("a number of the model is too large")
        case ast.Name(id=name) if not name.startswith("_") and name not in _FUNCTIONS:
            pass
        case ast.UnaryOp(op=unary, operand=operand) if type(unary) in _UNARY:
            _admit(operand, text)
        case ast.BinOp(left=left, op=binary, right=right) if type(binary) in _BINARY:
            _admit(left, text)
            _admit(right, text)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            _admit(argument, text)
        case _:
            part = ast.get_source_segment(text, node) or type(node).__name__
            raise ValueError(f"{part[:60]!r} is not allowed in a model")


def _evaluate(node: ast.AST, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return np.float64(number)
        case ast.Name(id=name):
            return values[name] if name in values else np.float64(CONSTANTS[name])
        case ast.UnaryOp(op=unary, operand=operand):
            return _UNARY[type(unary)](_evaluate(operand, values))
        case ast.BinOp(left=left, op=binary, right=right):
            return _BINARY[type(binary)](_evaluate(left, values), _evaluate(right, values))
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return _call(name, _evaluate(argument, values))
    raise ValueError(f"{type(node).__name__} is not allowed in a model")  # Not reached: the parser admitted the tree.
