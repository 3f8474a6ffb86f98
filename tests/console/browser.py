"""A real Chromium for the console's tests."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --lang=en"
)


@contextmanager
def chromium(width: int = 1400, height: int = 1000, *more: str) -> Iterator[webdriver.Chrome]:
    """A browser with an empty profile, closed at the end."""
    os.environ["SE_OFFLINE"] = "true"
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS.split(), *more, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
        try:
            # A desktop browser is never narrower than 500 px; a device of the wanted width is.
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
            )
            yield driver
        finally:
            driver.quit()


def sign_in(driver: webdriver.Chrome, address: str, link: str) -> None:
    """Open the console as a person would, by its one-time link."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(f"{address}/console/sign-in?link={link}")
    WebDriverWait(driver, 10).until(lambda d: d.current_url.rstrip("/") == f"{address}/console")


def axe_script() -> str | None:
    """axe-core: the file that OPENSOM_AXE names, else the one that the Python package carries, else none."""
    named = os.environ.get("OPENSOM_AXE")
    if named:
        return Path(named).read_text(encoding="utf-8")
    try:
        import axe_core_python
    except ImportError:
        return None
    return (Path(str(axe_core_python.__path__[0])) / "axe.min.js").read_text(encoding="utf-8")
