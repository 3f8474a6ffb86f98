"""Every address under /console that no page has."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gateway.console.page import ConsoleRoute
from services.kernel.problems import Problem

router = APIRouter(route_class=ConsoleRoute)


@router.get("/console/{path:path}")
async def lost(request: Request, path: str) -> HTMLResponse:
    raise Problem("page-not-found", 404, "没有这个页面。", "There is no such page.")
