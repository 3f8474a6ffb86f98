"""What is confirmed is gone from the device for good: nothing may be confirmed that was not settled."""

from hypothesis import given
from hypothesis import strategies as st

from services.lifecycle.rules.settling import BOOTS_MAX, INTERVALS_MAX, Settled

boots = st.integers(1, 4)
sequences = st.integers(0, 12)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), boots, sequences),
        st.tuples(st.just("held"), boots, st.dictionaries(boots, sequences, max_size=3)),
        st.tuples(st.just("restore"), st.none(), st.none()),
    ),
    max_size=60,
)


def settled_of(*sequence_numbers: int, boot: int = 1) -> Settled:
    settled = Settled()
    for sequence in sequence_numbers:
        settled.add(boot, sequence)
    return settled


def test_a_prefix_without_a_hole_is_confirmed() -> None:
    assert settled_of(0, 1, 2).confirmable() == [(1, 2)]


def test_a_hole_is_never_confirmed_over_and_filling_it_confirms_all() -> None:
    settled = settled_of(0, 1, 3, 4)
    assert settled.confirmable() == [(1, 1)]
    settled.add(1, 2)
    assert settled.confirmable() == [(1, 4)]


def test_without_its_beginning_nothing_of_a_boot_is_confirmed_and_the_device_learns_that() -> None:
    """Guards: told nothing at all, a device whose birth the broker lost would wait for ever instead of repeating it."""
    assert settled_of(1, 2, 3).confirmable() == [(1, -1)]


def test_what_the_device_no_longer_holds_counts_as_settled() -> None:
    """Its bounded store dropped readings, or they were confirmed to it before this platform began."""
    settled = settled_of(7, 8)
    settled.held(1, {1: 7})
    assert settled.confirmable() == [(1, 8)]


def test_what_it_still_holds_does_not_count_as_settled() -> None:
    settled = settled_of(0, 3)
    settled.held(1, {1: 2})
    assert settled.confirmable() == [(1, 1)]


def test_order_and_repetition_do_not_matter() -> None:
    assert settled_of(4, 2, 2, 0, 3, 1, 4, 0).confirmable() == [(1, 4)]


def test_boots_are_apart_and_the_oldest_is_confirmed_first() -> None:
    settled = settled_of(0, 1, boot=2)
    settled.add(1, 0)
    assert settled.confirmable() == [(1, 0), (2, 1)]


def test_an_earlier_boot_that_is_no_longer_held_is_forgotten() -> None:
    """Else each device would be told of its boots of last year every few seconds."""
    settled = settled_of(0, 1, boot=1)
    settled.held(3, {2: 0, 3: 0})
    assert settled.confirmable() == []
    settled.add(3, 0)
    assert settled.confirmable() == [(3, 0)]


def test_a_device_that_does_not_tell_what_it_holds_is_confirmed_all_the_same() -> None:
    settled = settled_of(0, boot=1)
    settled.held(2, {})
    settled.add(2, 0)
    assert settled.confirmable() == [(1, 0), (2, 0)]


def test_it_survives_being_stored() -> None:
    settled = settled_of(0, 1, 5)
    settled.add(3, 0)
    assert Settled.restore(settled.to_json()).confirmable() == [(1, 1), (3, 0)]
    assert Settled.restore("").confirmable() == Settled.restore("{}").confirmable() == []


def test_memory_is_bounded_however_the_device_behaves() -> None:
    settled = Settled()
    for boot in range(1_000):
        settled.held(boot, {boot: 10, boot + 5_000: 3})
        for sequence in range(0, 1_000, 2):
            settled.add(boot, sequence)
    settled.held(7, dict.fromkeys(range(900), 1))
    assert len(settled.to_json()) < 20 * BOOTS_MAX * INTERVALS_MAX
    assert len(settled.confirmable()) <= BOOTS_MAX


def test_a_device_with_more_boots_than_are_remembered_gets_rid_of_all_of_them() -> None:
    """A controller that restarted over and over while the platform was away must not keep its readings for ever."""
    held = dict.fromkeys(range(1, 3 * BOOTS_MAX), 5)  # Last sequence by boot; each was sent from 0 on.
    settled = Settled()
    for connection in range(4):
        settled.held(1_000, {**dict.fromkeys(held, 0), 1_000: connection})
        for boot, last in held.items():
            for sequence in range(last + 1):
                settled.add(boot, sequence)
        settled.add(1_000, connection)
        for boot, last in settled.confirmable():
            if last >= held.get(boot, 0):
                held.pop(boot, None)
    assert held == {}


@given(steps)
def test_nothing_is_confirmed_that_was_not_settled_and_nothing_settled_is_withheld(history: list[tuple]) -> None:
    settled, truth = Settled(), {}
    for name, boot, what in history:
        if name == "add":
            truth.setdefault(boot, set()).add(what)
            settled.add(boot, what)
        elif name == "held":
            if what:
                for earlier in [each for each in truth if each < boot and each not in what]:
                    del truth[earlier]
            for held_boot, oldest in what.items():
                truth.setdefault(held_boot, set()).update(range(oldest))
            settled.held(boot, what)
        else:
            settled = Settled.restore(settled.to_json())
    expected = []
    for boot, numbers in sorted(truth.items()):
        last = -1
        while last + 1 in numbers:
            last += 1
        if numbers:
            expected.append((boot, last))
    assert settled.confirmable() == expected


@given(st.permutations(range(400)), st.integers(0, 400))
def test_more_holes_than_are_remembered_cost_only_time(order: list[int], arrived: int) -> None:
    """Sent again in order, as a device does, everything gets confirmed."""
    settled, seen = Settled(), set()
    for sequence in order[:arrived]:
        seen.add(sequence)
        settled.add(1, sequence)
        assert all(set(range(last + 1)) <= seen for _, last in settled.confirmable())
    for sequence in range(400):
        settled.add(1, sequence)
    assert settled.confirmable() == [(1, 399)]
