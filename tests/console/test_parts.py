"""The parts that pages are made of: texts, formats, charts, and the event stream."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import plotly.graph_objects
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from gateway.console import charts, stream, words
from gateway.console.formats import Formats
from gateway.console.language import CATALOGUE, Language, translations
from gateway.console.page import ConsolePage
from gateway.console.pages import SCREENS
from gateway.console.render import TEMPLATES
from gateway.console.views import StateInterval, Update
from tests.console import sample_fleet
from tests.console.sample_sources import ADMINISTRATOR, SampleSources
from tests.console.sample_states import UnreachableSources

NOON = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)


def formats(language: Language) -> Formats:
    return Formats(language, translations(language), "Asia/Shanghai")


def used_texts() -> set[Any]:
    found = extract_from_dir(
        TEMPLATES.parent,
        method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2")],
        options_map={"**/templates/**.html": {"trimmed": "true", "silent": "false"}},
        keywords={"N_": None, "_": None, "gettext": None, "ngettext": (1, 2)},
    )
    return {text for _, _, text, _, _ in found}


def test_every_text_is_translated() -> None:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    used = used_texts()
    missing = [text for text in used if not (found := catalogue.get(text)) or not found.string or found.fuzzy]
    assert not missing, "\n".join(sorted(str(text) for text in missing))
    keys = {text if isinstance(text, str) else text[0] for text in used}
    unused = {key(message.id) for message in catalogue if message.id} - keys
    assert not unused, f"in the catalogue, but nowhere used: {unused}"


def key(text: Any) -> str:
    """A message, or the singular of one that has a plural."""
    return text if isinstance(text, str) else str(text[0])


def test_placeholders_survive_translation() -> None:
    with CATALOGUE.open("rb") as file:
        for message in read_po(file, locale="zh_CN"):
            source, said = key(message.id), key(message.string)
            if source:
                assert set(re.findall(r"%\(\w+\)s", source)) == set(re.findall(r"%\(\w+\)s", said)), source


def test_every_sign_is_drawn() -> None:
    icons = (TEMPLATES.parent / "static" / "icons.svg").read_text(encoding="utf-8")
    drawn = set(re.findall(r'<symbol id="([a-z]+)"', icons))
    named = {sign for sign, _ in words.SIGNS.values()} | {sign for _, _, sign, _ in words.SCREENS}
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text(encoding="utf-8")
        named |= set(re.findall(r"(?:icon|empty)\('([a-z]+)'", text))
    assert named <= drawn, named - drawn


def test_numbers_and_times_are_written_as_their_readers_do() -> None:
    zh, en = formats("zh"), formats("en")
    assert zh.date(NOON) == "2026年11月22日" and en.date(NOON) == "November 22, 2026"
    assert zh.instant(NOON) == "2026年11月22日 12:00:00" and zh.clock(NOON) == "12:00:00"
    assert zh.money(1_286_450) == "¥12,864.50" and en.money(1_286_450) == "CN¥12,864.50"
    assert zh.price(Decimal("6.125")) == "¥6.125"
    assert zh.measure(2974.6, "speed_rpm") == "2,975 r/min" and en.measure(1.5, "flow_m3_h") == "1.5 m³/h"
    assert en.measure(58.04, "bearing_temperature_c") == "58.0 °C" and en.measure(None, "power_kw") == "—"
    assert en.unit("vibration_velocity_mm_s") == "mm/s" and en.unit("energy_wh") == "Wh" and en.unit("volume_l") == "L"
    assert zh.named("running", "STATES") == "运行" and en.named("some_new_state", "STATES") == "some new state"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_figures_fit_plotly_schema(language: Language) -> None:
    machine = sample_fleet.machine(3)
    gauges = [signal for signal in machine.signals if not signal.counter]
    live = charts.live(gauges, sample_fleet.live(3, None, 100), formats(language))
    plain = json.loads(re.sub("theme:[a-z]+", "#123456", json.dumps(live)))
    assert len(plotly.graph_objects.Figure(plain).data) == 10
    assert "<" not in json.dumps(live).replace("<extra></extra>", ""), "markup is drawn with inline styles"


def test_timeline_is_cut_to_its_range_and_fills_it() -> None:
    start = NOON - timedelta(hours=4)
    bars = charts.timeline(
        [
            StateInterval("running", NOON - timedelta(hours=9), NOON - timedelta(hours=3)),
            StateInterval("alarm", NOON - timedelta(hours=3), None),
            StateInterval("stopped", NOON - timedelta(hours=20), NOON - timedelta(hours=10)),
        ],
        start,
        NOON,
    )
    assert [(bar.state, bar.x, bar.width) for bar in bars] == [("running", 0.0, 25.0), ("alarm", 25.0, 75.0)]


def stream_page(sources: Any) -> ConsolePage:
    page = object.__new__(ConsolePage)
    page.sources, page.viewer, page.language, page.session = sources, ADMINISTRATOR, "zh", "session-1"
    page.console = SimpleNamespace(secret=b"x" * 16, time_zone="Asia/Shanghai", closing=asyncio.Event())  # type: ignore[assignment]
    page.request = SimpleNamespace(  # type: ignore[assignment]
        query_params={"at": "/console", "screen": "overview"},
        path_params={},
        url=SimpleNamespace(path="/console/stream"),
    )
    return page


async def told(sources: Any, screen: str, seconds: float) -> list[dict[str, str]]:
    messages = [one async for one in stream.changes(stream_page(sources), SCREENS[screen], 0.05, seconds)]
    return [json.loads(one.split("data: ", 1)[1]) for one in messages if one.startswith("event: fragment")]


def test_stream_tells_all_at_first_and_then_what_changed() -> None:
    told_now = asyncio.run(told(SampleSources(), "overview", 0.5))
    names = [one["id"] for one in told_now]
    assert set(names) == {fragment.name for fragment in SCREENS["overview"]}
    assert names.count("clock") > 1, "the clock moves"
    assert names.count("ticker") == 1, "what is drawn the same again is not sent again"
    assert all(f'id="{one["id"]}"' in one["html"] for one in told_now)


def test_stream_sends_only_the_row_that_changed() -> None:
    class Changing(SampleSources):
        async def updates(self) -> Any:
            await asyncio.sleep(0.12)
            await self.acknowledge_alarm("A-1047")
            yield Update(topic="alarm", subject="A-1047")

    told_now = asyncio.run(told(Changing(), "alarms", 0.6))
    assert [one["id"] for one in told_now if one["id"].startswith("alarm")] == ["alarm-list"]

    class Raising(Changing):
        async def acknowledge_alarm(self, alarm_id: str) -> None:
            await self._change_alarm("acknowledge_alarm", "A-1043", state="ACKNOWLEDGED")

    told_now = asyncio.run(told(Raising(), "alarms", 0.6))
    assert [one["id"] for one in told_now if one["id"].startswith("alarm")] == ["alarm-list", "alarm-A-1043"]
    row = next(one for one in told_now if one["id"] == "alarm-A-1043")
    assert row["html"].lstrip().startswith("<tr")


def test_stream_goes_on_when_nobody_answers() -> None:
    told_now = asyncio.run(told(UnreachableSources(), "overview", 0.3))
    assert told_now and all("不可达" in one["html"] for one in told_now)
