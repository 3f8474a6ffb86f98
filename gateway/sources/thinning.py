"""A history as fine as a chart can show it."""

from collections.abc import Sequence
from math import ceil

from gateway.console.views import HistoryPoint
from services.lifecycle import contract as lifecycle

POINTS_MAX = 400  # A chart is hardly a thousand pixels wide, and a page has several.


def thinned(points: Sequence[lifecycle.HistoryPoint], points_max: int = POINTS_MAX) -> tuple[HistoryPoint, ...]:
    """At most `points_max` points: neighbours become one, from the least to the most of them, with their mean."""
    step = ceil(len(points) / points_max)
    if step <= 1:
        return tuple(HistoryPoint(each.time, each.mean, each.least, each.most) for each in points)
    return tuple(_joined(points[start : start + step]) for start in range(0, len(points), step))


def _joined(points: Sequence[lifecycle.HistoryPoint]) -> HistoryPoint:
    counts = [max(1, each.count) for each in points]
    mean = sum(each.mean * count for each, count in zip(points, counts, strict=True)) / sum(counts)
    least, most = min(each.least for each in points), max(each.most for each in points)
    return HistoryPoint(points[0].time, min(max(mean, least), most), least, most)
