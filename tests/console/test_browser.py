"""The console in a real Chromium: what only a browser can tell."""

import json
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.console.browser import CHROMIUM, DRIVER, axe_script, chromium, sign_in
from tests.console.test_pages import DETAILS, LISTS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM.exists() and DRIVER.exists()), reason="Chromium or its driver is not installed"),
]
# What is drawn has its size and its box has the size of what is drawn.
FITS = (
    "(box.layout && box.querySelector('.main-svg').getBoundingClientRect().bottom <= "
    "box.parentElement.getBoundingClientRect().bottom && box.clientHeight === box.layout.height && "
    "Math.abs(box.layout.width - box.clientWidth) <= 1)"
)
AXE_RUN = """
const done = arguments[0];
const told = (one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' ').slice(0, 300);
axe.run(document, {resultTypes: ['violations']}).then((result) => done(result.violations.map(told)));
"""


@pytest.fixture(scope="module", params=[(1400, "zh"), (390, "en")], ids=["1400-zh", "390-en"])
def browser(request: pytest.FixtureRequest, console_address: str) -> Iterator[tuple[webdriver.Chrome, str]]:
    """A signed-in browser of each width, in a language each."""
    width, language = request.param
    with chromium(width) as driver:
        sign_in(driver, console_address, f"link-{width}")
        driver.get(f"{console_address}/console?lang={language}")
        yield driver, console_address


def problems(driver: webdriver.Chrome) -> list[str]:
    """What the browser complained about: script errors, refused styles, files that are not there."""
    return [one["message"] for one in driver.get_log("browser") if one["level"] in ("SEVERE", "WARNING")]


def wait(driver: webdriver.Chrome, script: str) -> None:
    WebDriverWait(driver, 10).until(lambda d: d.execute_script(f"return {script}"))


@pytest.mark.parametrize("path", LISTS + DETAILS)
def test_page_is_clean(browser: tuple[webdriver.Chrome, str], path: str) -> None:
    driver, address = browser
    driver.get(address + path)
    wait(driver, "live.source === null || live.source.readyState === 1")
    if "/machines/" in path:
        wait(driver, "document.querySelectorAll('#live-chart .main-svg').length > 0")
    assert problems(driver) == []
    width, room = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= room, "the page is wider than the window"
    axe = axe_script()
    if axe is not None:
        driver.execute_script(axe)
        assert driver.execute_async_script(AXE_RUN) == []


def test_live_chart_moves(browser: tuple[webdriver.Chrome, str]) -> None:
    driver, address = browser
    driver.get(f"{address}/console/machines/pump-03")
    wait(driver, "document.getElementById('live-chart').data !== undefined")
    newest = "document.getElementById('live-chart').data[0].x.at(-1)"
    before = driver.execute_script(f"return {newest}")
    wait(driver, f"{newest} > {json.dumps(before)}")


def test_chart_stays_in_its_box(browser: tuple[webdriver.Chrome, str]) -> None:
    """Guards: a chart that lies over what follows it, at first or after the window changed its width."""
    driver, address = browser
    driver.get(f"{address}/console/machines/pump-03")
    metrics = {"height": 900, "deviceScaleFactor": 1, "mobile": False}
    width_before = driver.execute_script("return innerWidth")
    for width in (width_before, 900, 390, 1400, width_before):
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "width": width})
        wait(driver, f"innerWidth === {width} && [...document.querySelectorAll('.chart')].every((box) => {FITS})")


def test_everything_of_an_alarm_can_be_reached(browser: tuple[webdriver.Chrome, str]) -> None:
    """Guards: a state or a button that a narrow screen hides behind a sideways scroll."""
    driver, address = browser
    driver.get(f"{address}/console/alarms")
    wait(driver, "document.querySelector('button[id^=acknowledge-]') !== null")
    outside = driver.execute_script(
        "return [...document.querySelectorAll('#alarm-list td *')].filter((one) => one.checkVisibility()"
        " && one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML)"
    )
    assert outside == []


def test_clock_in_the_header_moves(browser: tuple[webdriver.Chrome, str]) -> None:
    driver, address = browser
    driver.get(f"{address}/console/clauses")
    shown = "document.querySelector('#clock b').textContent"
    before = driver.execute_script(f"return {shown}")
    wait(driver, f"{shown} !== {json.dumps(before)}")


def test_keyboard_reaches_the_content_first(browser: tuple[webdriver.Chrome, str]) -> None:
    driver, address = browser
    driver.get(f"{address}/console/fleet")
    driver.switch_to.active_element.send_keys(Keys.TAB)
    assert driver.switch_to.active_element.get_attribute("class") == "skip"
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert driver.switch_to.active_element.get_attribute("id") == "main"


def test_language_is_switched(browser: tuple[webdriver.Chrome, str]) -> None:
    driver, address = browser
    driver.get(f"{address}/console/alarms?severity=major")
    language = driver.execute_script("return document.documentElement.lang")
    other = "en" if language == "zh-CN" else "zh-CN"
    driver.find_element(By.CSS_SELECTOR, f".languages a[lang={other}]").click()
    wait(driver, f"document.documentElement.lang === '{other}'")
    assert "severity=major" in driver.current_url
    driver.find_element(By.CSS_SELECTOR, f".languages a[lang={language}]").click()
    wait(driver, f"document.documentElement.lang === '{language}'")


def test_what_cannot_be_undone_is_asked_first(browser: tuple[webdriver.Chrome, str]) -> None:
    driver, address = browser
    driver.get(f"{address}/console")
    button = "form[action='/console/world/reset'] button"
    for answer, moves_on in (("no", False), ("yes", True)):
        driver.execute_script("document.querySelector(arguments[0]).click()", button)
        wait(driver, "document.getElementById('confirm').open")
        driver.find_element(By.CSS_SELECTOR, f"#confirm button[value={answer}]").click()
        if moves_on:
            wait(driver, "document.querySelector('.notice') !== null")
            assert "notice" not in driver.current_url, "a reload would say it again"
        else:
            wait(driver, "!document.getElementById('confirm').open")


def test_hidden_tab_gives_its_connection_back(browser: tuple[webdriver.Chrome, str]) -> None:
    driver, address = browser
    driver.get(f"{address}/console")
    wait(driver, "live.source !== null")
    turn = (
        "Object.defineProperty(document, 'hidden', {configurable: true, get: () => arguments[0]});"
        "document.dispatchEvent(new Event('visibilitychange'));"
    )
    driver.execute_script(turn.replace("arguments[0]", "true"))
    assert driver.execute_script("return live.source") is None
    driver.execute_script(turn.replace("arguments[0]", "false"))
    wait(driver, "live.source !== null && live.source.readyState === 1")
