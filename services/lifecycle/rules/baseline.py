"""What is normal for one device: a straight line of a signal over a load figure, learned reading by reading.

A variable-speed pump shakes less at low speed, so a plain mean would call every change of speed a fault. The line
x = intercept + slope * load (load: square of the speed ratio) is a regression control chart: B. J. Mandel, "The
regression control chart", Journal of Quality Technology 1 (1969). Sums are updated in one pass without loss of digits:
B. P. Welford, Technometrics 4 (1962), carried over to covariances.
"""

import math
from collections.abc import Sequence
from typing import Any

LOAD_SPREAD_MIN = 1e-4  # Variance of the load below which no slope can be told from noise.


class Baseline:
    """Running sums of one signal; `intercept`, `slope` and `sigma` hold what the last `fit` made of them."""

    __slots__ = ("count", "intercept", "load_mean", "mean", "sigma", "slope", "sum_ll", "sum_lx", "sum_xx")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin again, as after a repair."""
        self.count = 0
        self.load_mean = self.mean = 0.0
        self.sum_ll = self.sum_lx = self.sum_xx = 0.0
        self.intercept = self.slope = self.sigma = 0.0

    def learn(self, load: float, value: float) -> None:
        """Take one reading in."""
        self.count += 1
        load_step = load - self.load_mean
        value_step = value - self.mean
        self.load_mean += load_step / self.count
        self.mean += value_step / self.count
        self.sum_ll += load_step * (load - self.load_mean)
        self.sum_lx += load_step * (value - self.mean)
        self.sum_xx += value_step * (value - self.mean)

    def fit(self) -> None:
        """Make the line from the sums; needs at least 3 readings."""
        varied = self.sum_ll > LOAD_SPREAD_MIN * self.count
        self.slope = self.sum_lx / self.sum_ll if varied else 0.0
        self.intercept = self.mean - self.slope * self.load_mean
        left_over = self.sum_xx - self.slope * self.sum_lx
        self.sigma = math.sqrt(max(left_over, 0.0) / (self.count - 2))

    def to_list(self) -> list[Any]:
        """The count and eight floats, for `take`."""
        return [
            self.count, self.load_mean, self.mean, self.sum_ll, self.sum_lx, self.sum_xx,
            self.intercept, self.slope, self.sigma,
        ]  # fmt: skip

    def take(self, stored: Sequence[Any]) -> None:
        """Undo `to_list`; ValueError when it is not one."""
        count, *numbers = stored
        if count < 0 or len(numbers) != 8 or not all(math.isfinite(number) for number in numbers):
            raise ValueError("not a stored baseline")
        self.count = int(count)
        self.load_mean, self.mean, self.sum_ll, self.sum_lx, self.sum_xx = map(float, numbers[:5])
        self.intercept, self.slope, self.sigma = map(float, numbers[5:])


def fit_line(*, loads: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """Least-squares line through pairs: `intercept`, `slope` and residual standard deviation `sigma`."""
    baseline = Baseline()
    for load, value in zip(loads, values, strict=True):
        baseline.learn(load, value)
    if baseline.count < 3:
        raise ValueError("a line with its spread needs at least 3 pairs")
    baseline.fit()
    return {"intercept": baseline.intercept, "slope": baseline.slope, "sigma": baseline.sigma}
