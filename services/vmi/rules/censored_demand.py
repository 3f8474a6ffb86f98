"""What customers wanted while the shelf was empty: a period without stock is not a period without demand."""

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[numpy.float64]

ROUNDS_MAX = 500
CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class RepairedDemand:
    """`demand` items x periods with censored periods raised to what was likely; `mean` a period; `added` units an item.

    `added` is 0 where no period was censored: nothing was repaired. `known` is False for an item that was never in
    stock at the end of a period, whose mean nothing can tell; its demand stays as sold.
    """

    demand: Array
    mean: Array
    added: Array
    known: NDArray[numpy.bool_]


def repair_demand(sales: ArrayLike, in_stock: ArrayLike) -> RepairedDemand:
    """Repair items x periods of sales; `in_stock` is False where stock ran out, so that demand was at least the sales.

    Maximum likelihood of a Poisson mean from censored counts (S. A. Conrad, "Sales data and the estimation of demand",
    Operational Research Quarterly 27 (1976)), by expectation and maximisation: a censored period counts as
    E[D | D >= s] = mean P(D >= s - 1) / P(D >= s), and the mean is then the average. Demand that scatters more than
    Poisson is repaired by too little rather than too much.
    """
    from scipy.special import gammainc

    sold = numpy.atleast_2d(numpy.asarray(sales, dtype=numpy.float64))
    whole = numpy.atleast_2d(numpy.asarray(in_stock, dtype=numpy.bool_))
    if sold.shape != whole.shape or numpy.any(~(sold >= 0)):
        raise ValueError("sales must be known, not negative, and in_stock of the same shape")
    known = numpy.asarray(whole.any(axis=1))
    mean = numpy.maximum(sold.mean(axis=1), 1e-12)
    rows, columns = numpy.nonzero(~whole & known[:, None])
    censored = sold[rows, columns]
    repaired = sold.copy()
    for _ in range(ROUNDS_MAX if rows.size else 0):
        each = mean[rows]
        at_least = _at_least(censored, each, gammainc)
        likely = each * numpy.where(at_least > 0, _at_least(censored - 1, each, gammainc), 1.0)
        likely = numpy.where(at_least > 0, likely / numpy.where(at_least > 0, at_least, 1.0), censored)
        repaired[rows, columns] = numpy.maximum(likely, censored)
        former, mean = mean, numpy.maximum(repaired.mean(axis=1), 1e-12)
        if numpy.all(numpy.abs(mean - former) <= CLOSE * mean):
            break
    return RepairedDemand(repaired, repaired.mean(axis=1), (repaired - sold).sum(axis=1), known)


def _at_least(count: Array, mean: Array, gammainc: numpy.ufunc) -> Array:
    """P(Poisson >= count), 1 for counts of 0 and below."""
    positive = count > 0
    return numpy.where(positive, gammainc(numpy.where(positive, count, 1.0), mean), 1.0)
