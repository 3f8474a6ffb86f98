"""Pictures of every page over sample data, to be looked at: `python -m tests.console.pictures DIRECTORY [PAGE ...]`."""

import sys
from pathlib import Path

from selenium import webdriver

from tests.console.browser import chromium, sign_in
from tests.console.conftest import Server, console_app
from tests.console.sample_states import SampleSessions

PAGES = {
    "overview": "/console",
    "fleet": "/console/fleet",
    "machine": "/console/machines/pump-03",
    "alarms": "/console/alarms",
    "alarm": "/console/alarms/A-1043",
    "work-orders": "/console/work-orders",
    "work-order": "/console/work-orders/W-303",
    "invoices": "/console/invoices",
    "invoice": "/console/invoices/inv-1",
    "invoice-line": "/console/invoices/inv-1/lines/line-2",
    "events": "/console/events",
    "event": "/console/events/0193e5000004",
    "dead-letters": "/console/events/dead-letters",
    "clauses": "/console/clauses",
    "clause": "/console/clauses/HN-1-1-a",
    "problem": "/console/nowhere",
    "sign-in": "/console/sign-in",
}
HEIGHT_MAX = 3200


def take(driver: webdriver.Chrome, width: int, file: Path) -> None:
    """One picture of the whole page."""
    size = {"width": width, "deviceScaleFactor": 1, "mobile": width < 500}
    height = driver.execute_script("return document.documentElement.scrollHeight")
    metrics = "Emulation.setDeviceMetricsOverride"
    driver.execute_cdp_cmd(metrics, {**size, "height": min(max(height, 500), HEIGHT_MAX)})
    driver.execute_async_script("setTimeout(arguments[0], 700)")  # The first live update and the charts.
    driver.save_screenshot(str(file))
    driver.execute_cdp_cmd(metrics, {**size, "height": 900})


def main(directory: Path, wanted: list[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    sessions = SampleSessions()
    with Server(console_app(sessions)) as address:
        for width, language, scheme in ((1400, "zh", "light"), (390, "en", "light"), (1400, "en", "dark")):
            sessions.links.add("picture")
            with chromium(width, 900) as driver:
                feature = {"name": "prefers-color-scheme", "value": scheme}
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
                sign_in(driver, address, "picture")
                driver.get(f"{address}/console?lang={language}")
                for name in wanted or PAGES:
                    driver.get(address + PAGES[name])
                    take(driver, width, directory / f"{name}-{width}-{language}-{scheme}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
