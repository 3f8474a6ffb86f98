"""Nothing leaves an end state, wrong actions are named with the right ones, and late messages do no harm."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.lifecycle.contract import AlarmState, CommandState, WorkOrderState
from services.lifecycle.rules import alarm_states, command_states, work_order_states
from services.lifecycle.rules.alarm_states import ALARM
from services.lifecycle.rules.command_states import ACKNOWLEDGEMENTS, COMMAND, after_acknowledgement
from services.lifecycle.rules.transitions import StateMachine, TransitionNotAllowed
from services.lifecycle.rules.work_order_states import WORK_ORDER

acknowledgements = st.sampled_from(sorted(ACKNOWLEDGEMENTS))


@pytest.mark.parametrize(
    ("machine", "states"), [(ALARM, AlarmState), (COMMAND, CommandState), (WORK_ORDER, WorkOrderState)]
)
def test_the_table_has_exactly_the_states_of_the_contract(machine: StateMachine, states: type[CommandState]) -> None:
    assert set(machine.states) == {str(state) for state in states}


def test_a_work_order_goes_its_way_and_can_pause() -> None:
    state = "OPEN"
    for action in ("plan", "start", "hold", "resume", "complete", "close"):
        state = work_order_states.next_state(state, action)
    assert state == "CLOSED"


def test_an_action_that_is_not_allowed_is_refused_with_those_that_are() -> None:
    with pytest.raises(TransitionNotAllowed) as refused:
        work_order_states.next_state(WorkOrderState.ON_HOLD, "complete")
    assert refused.value.allowed == ("resume", "cancel")
    assert "resume, cancel" in refused.value.message_en and "ON_HOLD" in refused.value.message_zh


@pytest.mark.parametrize("machine", [ALARM, COMMAND, WORK_ORDER], ids=lambda machine: machine.name)
def test_every_state_can_reach_an_end(machine: StateMachine) -> None:
    ends = {state for state in machine.states if machine.is_final(state)}
    assert ends
    for start in machine.states:
        seen, waiting = {start}, [start]
        while waiting:
            fresh = set(machine.table[waiting.pop()].values()) - seen
            seen |= fresh
            waiting += fresh
        assert seen & ends


def test_a_finished_or_cancelled_work_order_stays_so() -> None:
    for state in ("CLOSED", "CANCELLED"):
        assert WORK_ORDER.actions(state) == ()


def test_an_unknown_state_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown state"):
        WORK_ORDER.next_state("LOST", "start")
    with pytest.raises(ValueError, match="without a row"):
        StateMachine("broken", {"a": {"go": "b"}})


@pytest.mark.parametrize("order", list(permutations(["DELIVERED", "EXECUTING", "SUCCEEDED"])))
def test_acknowledgements_in_any_order_end_in_the_same_state(order: tuple[str, ...]) -> None:
    state = "SENT"
    for acknowledged in order:
        state = after_acknowledgement(state, acknowledged)
    assert state == "SUCCEEDED"


@given(st.sampled_from(COMMAND.states), acknowledgements)
def test_a_repeated_acknowledgement_changes_nothing(state: str, acknowledged: str) -> None:
    once = after_acknowledgement(state, acknowledged)
    assert after_acknowledgement(once, acknowledged) == once


@given(st.sampled_from(["SUCCEEDED", "FAILED", "TIMED_OUT", "EXPIRED", "CANCELLED", "REJECTED"]), acknowledgements)
def test_no_acknowledgement_leaves_an_end_state(state: str, acknowledged: str) -> None:
    assert after_acknowledgement(state, acknowledged) == state


def test_a_command_that_the_device_has_cannot_expire_or_be_cancelled() -> None:
    for action in ("expire", "cancel"):
        with pytest.raises(TransitionNotAllowed):
            command_states.next_state("DELIVERED", action)


def test_an_unknown_acknowledgement_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown acknowledgement"):
        after_acknowledgement("SENT", "MAYBE")


def test_an_alarm_is_noticed_assigned_and_over() -> None:
    state = "RAISED"
    for action, expected in (
        ("assign", "RAISED"), ("acknowledge", "ACKNOWLEDGED"), ("acknowledge", "ACKNOWLEDGED"),
        ("raise", "ACKNOWLEDGED"), ("clear", "CLEARED"), ("clear", "CLEARED"),
    ):  # fmt: skip
        state = alarm_states.next_state(state, action)
        assert state == expected
        assert alarm_states.is_active(state) == (expected != "CLEARED")
    with pytest.raises(TransitionNotAllowed):
        alarm_states.next_state("CLEARED", "acknowledge")
