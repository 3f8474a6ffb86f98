"""Does a stage order more wildly than its customer? Ratios of variances, and a bound to hold them against."""

import numpy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[numpy.float64]


def bullwhip_ratio(orders: ArrayLike, demand: ArrayLike) -> Array:
    """Var(orders) / Var(demand) of each item's row, items x periods each; nan where demand never varied.

    Above 1 variation is amplified, below 1 smoothed (H. L. Lee, V. Padmanabhan and S. Whang 1997; F. Chen et al.,
    Management Science 46 (2000)). Both over the same periods, variances with n - 1.
    """
    placed, wanted = (numpy.atleast_2d(numpy.asarray(each, dtype=numpy.float64)) for each in (orders, demand))
    if placed.shape[0] != wanted.shape[0] or min(placed.shape[1], wanted.shape[1]) < 2:
        raise ValueError("orders and demand must have the same items and at least 2 periods")
    below = wanted.var(axis=1, ddof=1)
    return numpy.where(below > 0, placed.var(axis=1, ddof=1) / numpy.where(below > 0, below, 1.0), numpy.nan)


def net_stock_amplification(net_stock: ArrayLike, demand: ArrayLike) -> Array:
    """Var(net stock) / Var(demand) of each item's row: what smooth orders cost in stock (Disney and Towill 2003)."""
    return bullwhip_ratio(net_stock, demand)


def moving_average_bullwhip(lead_time: float, periods: int) -> float:
    """1 + 2 L / p + 2 L^2 / p^2: the ratio of an order-up-to rule that forecasts by a mean of the last p periods.

    Exact for independent demand, a lower bound for positively correlated demand (F. Chen, Z. Drezner, J. K. Ryan and
    D. Simchi-Levi, "Quantifying the bullwhip effect in a simple supply chain", Management Science 46 (2000), eq. 5).
    L counts the periods whose demand the order-up-to level covers.
    """
    if lead_time < 0 or periods < 1:
        raise ValueError("lead_time must not be negative and periods at least 1")
    return 1 + 2 * lead_time / periods + 2 * lead_time**2 / periods**2
