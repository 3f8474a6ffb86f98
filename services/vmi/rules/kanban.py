"""How many cards a kanban loop needs."""

from math import ceil


def kanban_count(
    demand_rate: float, lead_time: float, review_time: float, safety_share: float, container_units: float
) -> int:
    """N = ceil(D (L + R) (1 + a) / C): cards so that containers in the loop cover its time with a margin.

    `demand_rate` units per unit of time, `lead_time` and `review_time` (waiting until cards are collected) in that
    time, `safety_share` a >= 0 of the demand in the loop, `container_units` C (Y. Monden, "Toyota Production System",
    1983). No demand needs no card; otherwise at least one.
    """
    if min(demand_rate, lead_time, review_time, safety_share) < 0 or container_units <= 0:
        raise ValueError("rates and times must not be negative, container_units above 0")
    return ceil(demand_rate * (lead_time + review_time) * (1 + safety_share) / container_units - 1e-9)
