"""Usage from a device's cumulative counters: what was used between two readings, and in which hour.

A counter in the device goes on while the connection is lost, so no use is lost with it; but use that nobody watched,
or that a counter cannot prove, is marked as estimated and never passes silently.
"""

from dataclasses import dataclass

HOUR_US = 3_600_000_000
NEAR_ROLLOVER = 0.9  # A counter that restarts from above this share of its range has rolled over.


@dataclass(frozen=True, slots=True)
class Usage:
    """`quantity` in the counter's base unit, never negative.

    `reason` is first, none, late, continuous, gap, reset, rollover or implausible; all but the first four are
    `estimated`, except a rollover seen without a gap. `unproven` is what the counter claims beyond what is possible.
    """

    quantity: int
    estimated: bool
    reason: str
    unproven: int = 0


def usage_between(
    *,
    before: int | None,
    after: int,
    before_us: int | None,
    after_us: int,
    gap_s: float,
    rollover_at: int | None = None,
    most_per_s: float | None = None,
    tolerance_s: float = 5.0,
) -> Usage:
    """What a counter shows was used between two readings (values in base units, times in microseconds).

    - No reading before: nothing can be told yet (`first`). A reading not newer than the last adds nothing (`late`).
    - A counter that went on counts in full; across more than `gap_s` seconds as estimated (`gap`).
    - A fall close to `rollover_at` (the value at which the counter starts again) is a `rollover`; any other fall is a
      `reset`: only what was counted since is proven, so the quantity is a lower bound.
    - With `most_per_s` (1 for seconds of running) a counter cannot have moved faster; what is beyond is `unproven`.
    """
    if after < 0 or (before is not None and before < 0):
        raise ValueError("a cumulative counter is never negative")
    if before is None or before_us is None:
        return Usage(0, False, "first")
    if after_us <= before_us:
        return Usage(0, False, "late")
    elapsed_s = (after_us - before_us) / 1e6
    in_gap = elapsed_s > gap_s
    if after >= before:
        quantity, reason, estimated = after - before, "gap" if in_gap else "continuous", in_gap
    elif rollover_at is not None and NEAR_ROLLOVER * rollover_at <= before <= rollover_at and after <= rollover_at / 10:
        quantity, reason, estimated = rollover_at - before + after, "rollover", in_gap
    else:
        quantity, reason, estimated = after, "reset", True
    if quantity == 0 and reason in ("continuous", "gap"):
        return Usage(0, False, "none")
    if most_per_s is not None:
        possible = int(most_per_s * (elapsed_s + tolerance_s))
        if quantity > possible:
            return Usage(possible, True, "implausible", quantity - possible)
    return Usage(quantity, estimated, reason)


def split_by_bucket(*, quantity: int, start_us: int, end_us: int, bucket_us: int = HOUR_US) -> list[tuple[int, int]]:
    """Spread a quantity over the buckets that it spans: (start of bucket, part), in proportion to time.

    Parts are whole and sum to `quantity` exactly: largest remainder (Hamilton's method), earlier bucket first when
    remainders tie. All of it goes to the one bucket of `start_us` when no time passed.
    """
    if quantity < 0 or end_us < start_us or bucket_us <= 0:
        raise ValueError("needs a quantity of at least 0, an end not before its start and a bucket longer than 0")
    first = start_us - start_us % bucket_us
    if end_us <= first + bucket_us:
        return [(first, quantity)]
    starts = range(first, end_us, bucket_us)
    spans = [min(each + bucket_us, end_us) - max(each, start_us) for each in starts]
    shares = [divmod(quantity * span, end_us - start_us) for span in spans]
    left = quantity - sum(whole for whole, _ in shares)
    favoured = set(sorted(range(len(shares)), key=lambda i: (-shares[i][1], i))[:left])
    return [(start, whole + (i in favoured)) for i, (start, (whole, _)) in enumerate(zip(starts, shares, strict=True))]
