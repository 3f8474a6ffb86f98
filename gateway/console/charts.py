"""Charts: Plotly figures as plain dictionaries, and the small drawings that the templates set as SVG.

A figure is built without importing plotly (which takes a second); a test holds every figure against its schema.
Texts in figures carry no markup, because Plotly draws markup with inline styles, which the pages forbid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.console import words
from gateway.console.formats import Formats
from gateway.console.units import unit_and_digits
from gateway.console.views import LivePoint, SignalInfo, SignalSeries, StateInterval

Figure = dict[str, Any]

FONT = '"Noto Sans CJK SC","PingFang SC","Microsoft YaHei","WenQuanYi Zen Hei",system-ui,sans-serif'
STRIP_PX = 78
MARGIN = {"l": 52, "r": 12, "t": 8, "b": 34}
# The browser replaces these by the colours of the theme (light or dark) that the page is in.
LINE, BAND, WARNING, ALARM = "theme:line", "theme:band", "theme:warning", "theme:alarm"
LIVE_POINTS_MAX = 200


def strips(signals: Sequence[SignalInfo], formats: Formats) -> tuple[Figure, list[str]]:
    """Layout of one strip a signal under one time axis, like a chart recorder, and the name of each strip's y axis."""
    layout: Figure = {
        "height": STRIP_PX * len(signals) + MARGIN["t"] + MARGIN["b"],
        "margin": MARGIN,
        "showlegend": False,
        "hovermode": "x",
        "font": {"family": FONT, "size": 11},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {
            "type": "date",
            "anchor": "y" if len(signals) == 1 else f"y{len(signals)}",
            "tickformat": "%H:%M:%S\n%m月%d日" if formats.language == "zh" else "%H:%M:%S\n%b %d",
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
        },
        "annotations": [],
        "shapes": [],
    }
    axes: list[str] = []
    share = 1 / max(1, len(signals))
    for place, signal in enumerate(signals):
        suffix = "" if place == 0 else str(place + 1)
        top = 1 - place * share
        layout[f"yaxis{suffix}"] = {
            "domain": [round(max(0.0, top - share * 0.95), 4), round(top - share * 0.26, 4)],
            "nticks": 3,
            "fixedrange": True,
            "zeroline": False,
        }
        layout["annotations"].append(_strip_title(signal, formats, top))
        layout["shapes"] += _limits(signal, f"y{suffix}")
        axes.append(f"y{suffix}")
    return layout, axes


def _strip_title(signal: SignalInfo, formats: Formats, top: float) -> Figure:
    return {
        "text": f"{signal_label(signal, formats)} · {formats.unit(signal.name)}",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
        "font": {"size": 11},
    }


def _limits(signal: SignalInfo, axis: str) -> list[Figure]:
    """A dotted line for a warning limit and a dashed one for an alarm limit."""
    wanted = (
        (signal.warning_low, "dot", WARNING),
        (signal.warning_high, "dot", WARNING),
        (signal.alarm_low, "dash", ALARM),
        (signal.alarm_high, "dash", ALARM),
    )
    return [
        {
            "type": "line",
            "xref": "paper",
            "yref": axis,
            "x0": 0,
            "x1": 1,
            "y0": value,
            "y1": value,
            "line": {"width": 1, "dash": dash, "color": color},
        }
        for value, dash, color in wanted
        if value is not None
    ]


def signal_label(signal: SignalInfo, formats: Formats) -> str:
    """The console's name of a signal, else the one in the machine's data model."""
    return formats.named(signal.name, "SIGNALS") if signal.name in words.SIGNALS else formats.words(signal.label)


def live(signals: Sequence[SignalInfo], points: Sequence[LivePoint], formats: Formats) -> Figure:
    """The strip chart of the newest messages; `live_points` says how it goes on."""
    layout, axes = strips(signals, formats)
    more = live_points(signals, points, formats)
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": signal_label(signal, formats),
            "x": x,
            "y": y,
            "yaxis": axis,
            "line": {"width": 1.4, "color": LINE},
            "hovertemplate": f"%{{y}} {formats.unit(signal.name)}<extra></extra>",
        }
        for signal, axis, x, y in zip(signals, axes, more["x"], more["y"], strict=True)
    ]
    return {"data": data, "layout": layout}


def live_points(signals: Sequence[SignalInfo], points: Sequence[LivePoint], formats: Formats) -> Figure:
    """Points to add, a list a signal, as Plotly's extendTraces takes them."""
    times = [formats.local(point.time) for point in points]
    x: list[list[str]] = []
    y: list[list[float]] = []
    for signal in signals:
        digits = unit_and_digits(signal.name)[1] + 1
        there = [place for place, point in enumerate(points) if signal.name in point.values]
        x.append([times[place] for place in there])
        y.append([round(points[place].values[signal.name], digits) for place in there])
    return {"x": x, "y": y}


def history(signals: Mapping[str, SignalInfo], series: Sequence[SignalSeries], formats: Formats) -> Figure:
    """A strip a signal: the mean as a line, least to most of each bucket as a band around it."""
    shown = [one for one in series if one.signal in signals]
    layout, axes = strips([signals[one.signal] for one in shown], formats)
    data: list[Figure] = []
    for one, axis in zip(shown, axes, strict=True):
        x = [formats.local(point.time) for point in one.points]
        base = {"type": "scatter", "mode": "lines", "x": x, "yaxis": axis}
        if one.width_s:
            edge = {"line": {"width": 0, "color": BAND}, "hoverinfo": "skip"}
            data.append(base | edge | {"y": [point.least for point in one.points]})
            data.append(base | edge | {"y": [point.most for point in one.points], "fill": "tonexty", "fillcolor": BAND})
        data.append(
            base
            | {
                "y": [point.mean for point in one.points],
                "name": signal_label(signals[one.signal], formats),
                "line": {"width": 1.4, "color": LINE},
                "hovertemplate": f"%{{y}} {formats.unit(one.signal)}<extra></extra>",
            }
        )
    return {"data": data, "layout": layout}


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the state timeline, in per cent of its width."""

    state: str
    x: float
    width: float
    start: datetime
    end: datetime


def timeline(intervals: Sequence[StateInterval], start: datetime, end: datetime) -> list[Bar]:
    """The parts of `intervals` within `start` to `end`, placed on 0..100 %."""
    span_s = (end - start).total_seconds()
    bars: list[Bar] = []
    for interval in intervals:
        left, right = max(interval.start, start), min(interval.end or end, end)
        if span_s <= 0 or right <= left:
            continue
        x = (left - start).total_seconds() / span_s * 100
        width = (right - left).total_seconds() / span_s * 100
        bars.append(Bar(interval.state, round(x, 3), round(width, 3), left, right))
    return bars


def sparkline(values: Sequence[float], width: float = 100, height: float = 28) -> str:
    """The `points` of an SVG polyline through `values`, oldest first; empty for fewer than two."""
    if len(values) < 2:
        return ""
    least, most = min(values), max(values)
    span = (most - least) or 1.0
    step = width / (len(values) - 1)
    pad = 2.0
    return " ".join(
        f"{place * step:.1f},{height - pad - (value - least) / span * (height - 2 * pad):.1f}"
        for place, value in enumerate(values)
    )
