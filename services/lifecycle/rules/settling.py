"""Which messages of a device are settled, and up to where that may be confirmed to it.

A device keeps a message until it is confirmed. Only a prefix without a hole is confirmed: a message that the broker
lost leaves a hole, so the device sends it again after its next connection.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping

INTERVALS_MAX = 64  # Holes that are remembered for one boot; more only means that more is sent again.
BOOTS_MAX = 32  # Boots that are remembered; a device that holds more gets rid of them over several connections.


class Settled:
    """Settled sequence numbers of the newest boots of one device, as intervals without holes."""

    def __init__(self, boots: dict[int, list[list[int]]] | None = None) -> None:
        self._boots = boots or {}

    def add(self, boot: int, sequence: int) -> None:
        """Note that one message is settled."""
        intervals = self._boots.get(boot)
        if intervals is None:
            self._boots[boot] = [[sequence, sequence]]
            self._forget_oldest()
            return
        last = intervals[-1]
        if sequence == last[1] + 1:  # The usual case.
            last[1] = sequence
        else:
            self._merge(intervals, sequence, sequence)

    def held(self, boot: int, oldest: Mapping[int, int]) -> None:
        """In `boot` the device said what it holds, as the oldest sequence of each boot: nothing below these.

        All below is as good as settled, and an earlier boot that is not named is done with. Without any (a device
        that does not tell) nothing is known.
        """
        if not oldest:
            return
        for earlier in [each for each in self._boots if each < boot and each not in oldest]:
            del self._boots[earlier]
        for held_boot, sequence in oldest.items():
            if sequence > 0:
                self._merge(self._boots.setdefault(held_boot, []), 0, sequence - 1)
        self._forget_oldest()

    def confirmable(self) -> list[tuple[int, int]]:
        """(boot, last sequence of the prefix without a hole) of each boot, oldest boot first.

        The last sequence is -1 where the beginning is missing: it says that the boot is known and nothing of it may
        be dropped, by which a device sees that its first message was lost.
        """
        return [
            (boot, intervals[0][1] if intervals[0][0] == 0 else -1) for boot, intervals in sorted(self._boots.items())
        ]

    def to_json(self) -> str:
        """Compact text for the twin."""
        return json.dumps(self._boots, separators=(",", ":"))

    @classmethod
    def restore(cls, text: str) -> "Settled":
        """From the twin's text."""
        return cls({int(boot): intervals for boot, intervals in json.loads(text or "{}").items()})

    def _forget_oldest(self) -> None:
        for boot in sorted(self._boots)[: max(0, len(self._boots) - BOOTS_MAX)]:
            del self._boots[boot]

    @staticmethod
    def _merge(intervals: list[list[int]], low: int, high: int) -> None:
        place = bisect_right(intervals, low, key=lambda interval: interval[0])
        if place and intervals[place - 1][1] >= low - 1:
            place -= 1
            intervals[place][1] = max(intervals[place][1], high)
        else:
            intervals.insert(place, [low, high])
        current = intervals[place]
        while place + 1 < len(intervals) and intervals[place + 1][0] <= current[1] + 1:
            current[1] = max(current[1], intervals.pop(place + 1)[1])
        if len(intervals) > INTERVALS_MAX:
            # Forgetting the newest island is safe: it will be sent again and found to be a duplicate.
            intervals.pop()
