"""The controls of the clock and of the simulated world."""

from fastapi import APIRouter
from fastapi.responses import Response

from gateway.console.page import ConsoleRoute, Posted, need
from services.kernel.problems import Problem

SPEEDS = (1, 60, 600, 3600)

router = APIRouter(prefix="/console/world", route_class=ConsoleRoute)


@router.post("/clock")
async def set_clock(form: Posted) -> Response:
    """Pause, go on, or change the speed of business time."""
    need(form.page, "control-world")
    wish = form.text("clock", 10)
    if wish == "pause":
        await form.page.sources.set_clock(paused=True)
        return form.done("clock-paused")
    if wish not in {str(speed) for speed in SPEEDS}:
        raise Problem("invalid-request", 422, "时钟速度无效。", "This is no speed of the clock.")
    await form.page.sources.set_clock(speed=float(wish), paused=False)
    return form.done("clock-set")


@router.post("/fault")
async def inject_fault(form: Posted) -> Response:
    need(form.page, "control-world")
    machine_id = form.text("machine_id", 64)
    await form.page.sources.inject_fault(machine_id, form.text("fault", 64))
    return form.done("fault-injected", machine_id)


@router.post("/repair")
async def repair(form: Posted) -> Response:
    need(form.page, "control-world")
    machine_id = form.text("machine_id", 64)
    await form.page.sources.repair(machine_id)
    return form.done("repaired", machine_id)


@router.post("/reset")
async def reset(form: Posted) -> Response:
    need(form.page, "control-world")
    await form.page.sources.reset_scenario()
    return form.done("scenario-reset")
