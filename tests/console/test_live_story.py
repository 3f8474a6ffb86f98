"""The whole story on the running platform, clicked through in a real browser as an evaluator would."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.console.browser import CHROMIUM, DRIVER, chromium
from tests.deployment.conftest import platform

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM.exists() and DRIVER.exists()), reason="Chromium or its driver is not installed"),
]
MACHINE = "pump-009"  # Feeds a boiler: it runs day and night.
PATIENCE_S = 60.0


class Evaluator:
    """Somebody who sees only what the browser shows, and has only a mouse and a keyboard."""

    def __init__(self, driver: WebDriver, link: str) -> None:
        self.driver, self.link = driver, link
        self.address = link.partition("/console")[0]

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def see(self, selector: str, text: str = "") -> WebElement:
        """Wait until an element is shown, with `text` in it; the page may redraw it meanwhile."""

        def found(driver: WebDriver) -> WebElement | None:
            script = (
                "return [...document.querySelectorAll(arguments[0])].find((one) =>"
                " one.checkVisibility() && one.textContent.includes(arguments[1])) || null"
            )
            return driver.execute_script(script, selector, text)  # type: ignore[no-any-return]

        return WebDriverWait(self.driver, PATIENCE_S).until(found, f"{selector} {text!r} at {self.driver.current_url}")

    def click(self, selector: str, text: str = "") -> None:
        """Click what is shown; a click that the page's own redrawing took away is made again."""
        for _ in range(5):
            try:
                self.see(selector, text).click()
                return
            except Exception as error:
                last = error
        raise last

    def press(self, selector: str, text: str = "") -> None:
        """Send a form, and wait until its page is there with the notice of what was done."""
        self.mark()
        self.click(selector, text)
        WebDriverWait(self.driver, PATIENCE_S).until(lambda d: not self.is_marked())
        self.see(".notice")

    def mark(self) -> None:
        """Note on the page that it is this one: a reload forgets it."""
        self.driver.execute_script("window.marked = true")

    def is_marked(self) -> bool:
        return bool(self.driver.execute_script("return window.marked === true"))


@pytest.fixture
def evaluator(tmp_path: Path) -> Iterator[Evaluator]:
    with platform(tmp_path / "var", "demo", "--port", "0", "--speed", "600") as running, chromium() as driver:
        found = re.search(r"http\S+/console/sign-in\?link=\S+", running.output)
        assert found is not None, running.output
        driver.get(found.group().partition("?")[0] + "?lang=zh")
        yield Evaluator(driver, found.group())


def test_story_from_the_fault_to_the_invoice(evaluator: Evaluator) -> None:
    """Guards: any step of the main story that works in its own test but not on the platform as it is started."""
    sign_in(evaluator)
    alarm_appears_by_itself(evaluator)
    acknowledgement_is_given_and_taken_back(evaluator)
    work_order_is_done(evaluator)
    command_succeeds(evaluator)
    invoice_drills_down_to_usage_and_postings(evaluator)
    clause_is_shown(evaluator)
    language_is_switched(evaluator)
    sign_out_and_the_link_is_used(evaluator)


def sign_in(someone: Evaluator) -> None:
    someone.driver.get(someone.link)
    someone.see("h1", "总览")
    assert "link=" not in someone.driver.current_url


def alarm_appears_by_itself(someone: Evaluator) -> None:
    someone.see("#fault-machine")
    Select(someone.see("#fault-machine")).select_by_value(MACHINE)
    Select(someone.see("#fault-name")).select_by_value("seal_leak")
    someone.press("form[action='/console/world/fault'] button")
    someone.open(f"/console/alarms?machine={MACHINE}")
    someone.see(".empty, tr[id^=alarm-]")
    someone.mark()
    someone.see("tr[id^=alarm-]", "密封泄漏")
    assert someone.is_marked(), "the alarm came with a reload"


def acknowledgement_is_given_and_taken_back(someone: Evaluator) -> None:
    someone.press("button[id^=acknowledge-]")
    someone.see("tr[id^=alarm-]", "已确认")
    someone.press(".notice form button")
    someone.see("tr[id^=alarm-]", "已触发")
    someone.click("tr[id^=alarm-] th a")
    someone.press("form[action$='/acknowledge'] button")
    someone.see(".title .tag", "已确认")


def work_order_is_done(someone: Evaluator) -> None:
    someone.press("form[action$='/work-order'] button")
    someone.click(".notice a")
    someone.see("#h-do")
    someone.see("input[name=assignee]").send_keys("服务工程师")
    for state in ("已计划", "进行中", "已完成"):
        someone.press("button.main-button[name=action]")
        someone.see(".title .tag", state)
    assert len(someone.driver.find_elements(By.CSS_SELECTOR, ".steps li")) == 4
    someone.click("#h-story .more")
    kinds = {one.text.split(".")[3] for one in someone.driver.find_elements(By.CSS_SELECTOR, "#event-list th .sub")}
    assert kinds >= {"alarm", "ticket", "work-order"}, "one correlation id leads through the whole story"


def command_succeeds(someone: Evaluator) -> None:
    someone.open(f"/console/machines/{MACHINE}")
    someone.see("#live-chart .main-svg")
    someone.click("#send-capture_waveform")
    someone.press("#confirm button[value=yes]")
    someone.mark()
    someone.see("#commands .command-head .tag", "成功")
    assert someone.is_marked()


def invoice_drills_down_to_usage_and_postings(someone: Evaluator) -> None:
    someone.open("/console/invoices")
    someone.see(".note, tbody th a")
    if someone.driver.find_elements(By.ID, "hurry"):
        someone.press("#hurry")
    someone.click("#invoice-list tbody th a", "2")  # A number begins with its year; a draft has none.
    someone.click("#invoice tbody th a")
    someone.see("#proof .tag", "一致")
    assert someone.driver.find_elements(By.CSS_SELECTOR, "#proof a[href*=correlation]")
    someone.see("#proof td", "应收账款")
    someone.click("#proof a[href*=correlation]")
    someone.see("#event-list tbody tr", "计量")


def clause_is_shown(someone: Evaluator) -> None:
    someone.open("/console/clauses?status=shown")
    someone.click("#clause-list tbody a", "远程维护")
    someone.see(".title .tag", "已展示")
    assert someone.see("#clause .figure-value b").text.strip() not in ("", "0", "—")


def language_is_switched(someone: Evaluator) -> None:
    someone.click(".languages a[lang=en]")
    someone.see(".title .tag", "Shown")
    assert not re.search(r"[\u4e00-\u9fff]", someone.see("main").text), "Chinese on an English page"


def sign_out_and_the_link_is_used(someone: Evaluator) -> None:
    someone.click(".who summary")
    someone.click(".who form button")
    someone.see("h1", "Sign in")
    someone.open("/console/fleet")
    someone.see("h1", "Sign in")
    someone.driver.get(someone.link)
    someone.see(".refusal")
