"""控制台: the pages of the platform, drawn on the server, Chinese first and English complete."""

from gateway.console.console import Console, install
from gateway.console.sources import Sessions, Sources

__all__ = ["Console", "Sessions", "Sources", "install"]
