"""The chart of one file of results; needs matplotlib, and nothing else of this package.

`python -m bench.chart RESULTS.json CHART.png`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

_COLOURS = {
    "direct": "#9AA5B1",
    "nginx": "#4C9A6A",
    "laird": "#6D4AFF",
    "priced": "#8A6BFF",
    "guarded": "#A48CFF",
    "portkey": "#E08E45",
    "litellm": "#C94C4C",
}
_INK = "#1F2933"
_FAINT = "#D9DEE4"


def _case(subject: dict[str, Any], name: str, field: str) -> float:
    return float(subject["cases"].get(name, {}).get(field) or 0)


def _names(report: dict[str, Any], *, stream: bool) -> list[str]:
    kind = "streams" if stream else "connections"
    cases = [case for case in report["plan"]["cases"] if bool(case.get("stream")) == stream]
    return [f"{case['connections']} {kind}" for case in cases]


def _short(title: str) -> str:
    return title.split(",", maxsplit=1)[0].replace(" proxy", "").replace(" gateway", "")


def _label(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _bars(axes: Any, rows: list[tuple[str, str, float]], *, missing: str = "not measured") -> None:
    """One horizontal bar for each (key, title, value), on a logarithmic scale."""
    values = [value for _, _, value in rows if value > 0]
    low, high = (min(values), max(values)) if values else (1.0, 10.0)
    axes.set_xscale("log")
    axes.set_xlim(low / 4, high * 12)
    for place, (key, _, value) in enumerate(rows):
        if value > 0:
            axes.barh(place, value, color=_COLOURS.get(key, _INK), height=0.68)
            axes.text(value * 1.12, place, _label(value), va="center", color=_INK, fontsize=9)
        else:
            axes.text(low / 3.4, place, missing, va="center", color="#7B8794", fontsize=9)
    axes.set_yticks(range(len(rows)), [_short(title) for _, title, _ in rows])
    axes.invert_yaxis()
    _tidy(axes)


def _tidy(axes: Any) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, labelsize=9, length=0)
    axes.minorticks_off()


def draw(report: dict[str, Any], file: Path) -> None:
    """Draw throughput, added latency and stream durations side by side."""
    subjects: dict[str, Any] = report["subjects"]
    completions, streams = _names(report, stream=False), _names(report, stream=True)
    busy = "32 connections" if "32 connections" in completions else completions[-1]
    panels = [
        (
            f"Completions per second, {busy}\nmore is better",
            [(key, s["title"], _case(s, busy, "per_second")) for key, s in subjects.items()],
        ),
        (
            "Added median latency, 1 connection, ms\nless is better",
            [
                (key, s["title"], report["ratios"][key]["added_latency_ms"] or 0)
                for key, s in subjects.items()
                if key != "direct"
            ],
        ),
    ]
    if streams:
        last = streams[-1]
        panels.append(
            (
                f"Duration of a stream, p99 of {last}, ms\nless is better; it is sent in 500 ms",
                [(key, s["title"], _case(s, last, "p99_ms")) for key, s in subjects.items()],
            )
        )
    figure = Figure(figsize=(4.9 * len(panels), 3.6), layout="constrained")
    all_axes = figure.subplots(1, len(panels), squeeze=False)
    for axes, (title, rows) in zip(all_axes[0], panels, strict=True):
        missing = "streams fail" if title.startswith("Duration") else "not measured"
        _bars(axes, rows, missing=missing)
        axes.set_title(title, loc="left", fontsize=10.5, color=_INK)
    figure.supxlabel(_footer(report), fontsize=8, color="#52606D")
    figure.savefig(file, dpi=160, facecolor="white")


def _footer(report: dict[str, Any]) -> str:
    machine, plan = report["machine"], report["plan"]
    return (
        f"{machine['cpu']}; gateway on one core, upstream and wrk on another; logarithmic scales; "
        f"median of {plan['rounds']} round(s); {report['date'][:10]}"
    )


def main() -> None:
    results, chart = Path(sys.argv[1]), Path(sys.argv[2])
    draw(json.loads(results.read_text()), chart)


if __name__ == "__main__":
    main()
