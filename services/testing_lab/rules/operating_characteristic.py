"""How a sampling plan judges: probability of acceptance against quality, ISO 2859-1:1999, clause 12.

Exact distributions, not tables: binomial for per cent nonconforming out of a long production (type B curve), Poisson
for nonconformities per hundred units, hypergeometric for one lot of known size (type A curve). G. J. Schilling,
D. V. Neubauer, "Acceptance Sampling in Quality Control" (2017), chapter 5.
"""

import math

KINDS = ("binomial", "poisson")


def acceptance_probability(percent: float, sample_size: int, acceptance_number: int, kind: str = "binomial") -> float:
    """P(accept) at `percent` nonconforming, or nonconformities per hundred units with "poisson"."""
    from scipy.special import bdtr, pdtr

    _check(sample_size, acceptance_number, kind)
    if not 0 <= percent < math.inf or (kind == "binomial" and percent > 100):
        raise ValueError(f"{percent} is not a quality in per cent")
    if kind == "poisson":
        return float(pdtr(acceptance_number, sample_size * percent / 100))
    if acceptance_number >= sample_size:
        return 1.0
    return float(bdtr(acceptance_number, sample_size, percent / 100))


def acceptance_probability_of_lot(lot_size: int, nonconforming: int, sample_size: int, acceptance_number: int) -> float:
    """P(accept) of one lot with so many nonconforming items, drawn without replacement (hypergeometric)."""
    _check(sample_size, acceptance_number, "binomial")
    if not (0 <= nonconforming <= lot_size and sample_size <= lot_size):
        raise ValueError("neither the sample nor the nonconforming items can outnumber the lot")
    least = max(0, sample_size - (lot_size - nonconforming))
    most = min(acceptance_number, nonconforming, sample_size)
    everything = _log_choose(lot_size, sample_size)
    terms = (
        math.exp(
            _log_choose(nonconforming, found) + _log_choose(lot_size - nonconforming, sample_size - found) - everything
        )
        for found in range(least, most + 1)
    )
    return min(math.fsum(terms), 1.0)


def quality_accepted_with(
    probability: float, sample_size: int, acceptance_number: int, kind: str = "binomial"
) -> float:
    """The quality, in per cent or per hundred units, that the plan accepts with `probability`.

    At 0.95 it is the producer's risk quality, at 0.10 the consumer's.
    """
    from scipy.special import betaincinv, gammaincinv

    _check(sample_size, acceptance_number, kind)
    if not 0 < probability < 1:
        raise ValueError("a probability of acceptance lies between 0 and 1")
    if kind == "poisson":
        return float(100 * gammaincinv(acceptance_number + 1, 1 - probability) / sample_size)
    if acceptance_number >= sample_size:
        return 100.0
    return float(100 * betaincinv(acceptance_number + 1, sample_size - acceptance_number, 1 - probability))


def _check(sample_size: int, acceptance_number: int, kind: str) -> None:
    if sample_size < 1 or acceptance_number < 0 or kind not in KINDS:
        raise ValueError(f"a plan has a sample of 1 or more, an acceptance number of 0 or more, and is {KINDS}")


def _log_choose(count: int, chosen: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)
