"""Who looks, and texts in both of the languages that they read."""

from dataclasses import dataclass

# What a viewer may do in the console. The services check again: here it only decides which controls are drawn.
ABILITIES: dict[str, frozenset[str]] = {
    "control-world": frozenset({"operator", "administrator"}),
    "handle-alarms": frozenset({"operator", "engineer", "manager", "administrator"}),
    "handle-work": frozenset({"operator", "engineer", "manager", "administrator"}),
    "send-commands": frozenset({"operator", "engineer", "administrator"}),
}


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    zh: str
    en: str

    def spoken(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks at the console."""

    subject: str
    name: str
    organisation: Words
    roles: frozenset[str]

    def may(self, ability: str) -> bool:
        return bool(ABILITIES[ability] & self.roles)
