"""How often devices report, so that the load in wall time stays bounded at any speed of the clock."""

STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)


def report_interval_s(wanted_s: float, speed: float, devices: int, readings_per_s_max: float) -> float:
    """Business seconds between two readings of a device.

    The rule: as the scenario wants, but never so short that the fleet sends more than `readings_per_s_max` in a wall
    second; a longer interval is rounded up to an even one. At x3600, 40 devices and 80 readings/s it is 1800 s; the
    cumulative counters lose no usage by that.
    """
    needed_s = speed * devices / readings_per_s_max
    if needed_s <= wanted_s:
        return wanted_s
    even = next((step for step in STEPS_S if step >= needed_s - 1e-9), None)
    return float(even) if even is not None else needed_s
