"""What the command says to a person: Chinese first, then English, on one line where it fits."""

from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def say(zh: str, en: str, style: str = "") -> None:
    """Print one message in both languages."""
    console.print(f"{escape(zh)} [dim]/ {escape(en)}[/]", style=style)


def done(zh: str, en: str, detail: str = "") -> None:
    """Print a step that went well."""
    console.print(f"  [green]✓[/] {escape(zh)} [dim]/ {escape(en)}[/]  {escape(detail)}".rstrip())


def warn(zh: str, en: str) -> None:
    """Print something that a person should know and that does not stop the work."""
    errors.print(f"[yellow]![/] {escape(zh)} [dim]/ {escape(en)}[/]")


def give_up(zh: str, en: str, code: int = 1) -> NoReturn:
    """Say why it cannot go on, and end the command with `code`."""
    errors.print(f"[red]✗[/] {escape(zh)} [dim]/ {escape(en)}[/]")
    raise typer.Exit(code)
