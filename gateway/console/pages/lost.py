"""Every address under /console that no page has."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from gateway.console.page import HOME, ConsoleRoute
from services.kernel.problems import Problem

router = APIRouter(route_class=ConsoleRoute)


@router.get("/console/{path:path}")
async def lost(request: Request, path: str) -> Response:
    """An address with a slash too many leads to the page without it."""
    if path.strip("/") + "/" == path or not path:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{HOME}/{path}".rstrip("/") + query, 308)
    raise Problem("page-not-found", 404, "没有这个页面。", "There is no such page.")
