"""What the console's pages ask, answered by the services' clients with the viewer's own token."""

from gateway.sources.criteria import CriteriaSources
from gateway.sources.events import EventSources
from gateway.sources.fleet import FleetSources
from gateway.sources.money import MoneySources
from gateway.sources.overview import OverviewSources
from gateway.sources.shared import Shared
from gateway.sources.work import WorkSources
from gateway.sources.world import WorldSources

__all__ = ["ClientSources", "Shared"]


class ClientSources(
    WorldSources, FleetSources, WorkSources, MoneySources, EventSources, CriteriaSources, OverviewSources
):
    """See `gateway.console.sources.Sources`: one for each request of one viewer."""
