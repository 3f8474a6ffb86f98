"""State machines as tables: from each state, which action leads where."""

from collections.abc import Mapping


class TransitionNotAllowed(ValueError):
    """`action` is not allowed in `current`; `allowed` lists what is. `message_zh` and `message_en` are for people."""

    def __init__(self, machine: str, current: str, action: str, allowed: tuple[str, ...]) -> None:
        self.machine, self.current, self.action, self.allowed = machine, current, action, allowed
        choice = ", ".join(allowed)
        self.message_zh = f"状态 {current} 下不能执行 {action}；可用操作：{choice or '无'}"
        self.message_en = f"{action} is not allowed in state {current}; allowed: {choice or 'nothing'}"
        super().__init__(f"{machine}: {self.message_en}")


class StateMachine:
    """`table[state][action]` is the next state; a state without actions is final."""

    def __init__(self, name: str, table: Mapping[str, Mapping[str, str]]) -> None:
        self.name = name
        self.table = table
        unknown = {target for row in table.values() for target in row.values()} - table.keys()
        if unknown:
            raise ValueError(f"{name}: states without a row: {sorted(unknown)}")

    @property
    def states(self) -> tuple[str, ...]:
        """All states, in the order of the table."""
        return tuple(self.table)

    def actions(self, current: str) -> tuple[str, ...]:
        """Actions allowed in `current`; ValueError for an unknown state."""
        try:
            return tuple(self.table[current])
        except KeyError:
            raise ValueError(f"{self.name}: unknown state {current!r}") from None

    def is_final(self, current: str) -> bool:
        """Whether nothing can leave `current` any more."""
        return all(target == current for target in self.table[current].values())

    def next_state(self, current: str, action: str) -> str:
        """State after `action`; TransitionNotAllowed when it is not allowed in `current`."""
        allowed = self.actions(current)
        if action not in allowed:
            raise TransitionNotAllowed(self.name, str(current), str(action), allowed)
        return self.table[current][action]
