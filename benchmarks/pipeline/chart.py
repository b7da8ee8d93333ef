"""An SVG chart with two panels: images per second and CPU time per image, both on logarithmic scales."""

import math
from collections.abc import Iterator
from html import escape

from benchmarks.pipeline.contenders import CAPTIOND, CAPTIOND_FAST
from benchmarks.pipeline.results import Results, Spread, cpu_per_image, images_per_second

_THOUSAND = 1000
_WIDTH, _LEFT, _RIGHT, _ROW, _HEAD = 760, 150, 90, 24, 46
_OURS = {CAPTIOND.name, CAPTIOND_FAST.name}
_STYLE = (
    "text{font:13px sans-serif;fill:#222}.axis{font-size:11px;fill:#666}.title{font-weight:bold}"
    "line{stroke:#ddd}.range{stroke-width:2}"
)


def draw_chart(results: Results) -> str:
    """Draw a dot for the median and a line from the lowest to the highest value."""
    rates = {name: results.spread(name, images_per_second) for name in results.bursts}
    costs = {name: _in_ms(results.spread(name, cpu_per_image)) for name in results.bursts}
    height = _HEAD + (len(rates) + 1) * _ROW
    panels = (
        ("images per second, first POST to last row: more is better", rates),
        ("CPU time, ms per image: less is better", costs),
    )
    body = [line for at, panel in enumerate(panels) for line in _panel(*panel, top=at * height)]
    size = f'width="{_WIDTH}" height="{2 * height}" viewBox="0 0 {_WIDTH} {2 * height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>'
    background = f'<rect width="{_WIDTH}" height="{2 * height}" fill="#fff"/>'
    return "\n".join((head, background, *body, "</svg>", ""))


def _in_ms(seconds: Spread) -> Spread:
    return Spread(1e3 * seconds.middle, 1e3 * seconds.low, 1e3 * seconds.high)


def _panel(title: str, rows: dict[str, Spread], top: int) -> Iterator[str]:
    first = math.floor(math.log10(min(row.low for row in rows.values())))
    last = math.ceil(math.log10(max(row.high for row in rows.values())))
    unit = (_WIDTH - _LEFT - _RIGHT) / max(1, last - first)

    def at(value: float) -> float:
        return _LEFT + unit * (math.log10(value) - first)

    bottom = top + _HEAD + len(rows) * _ROW
    yield f'<text class="title" x="{_LEFT}" y="{top + 20}">{escape(title)}</text>'
    for power in range(first, last + 1):
        x = at(10**power)
        yield f'<line x1="{x:.1f}" y1="{top + _HEAD - 8}" x2="{x:.1f}" y2="{bottom}"/>'
        yield f'<text class="axis" x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{10**power:g}</text>'
    for row, (name, spread) in enumerate(rows.items()):
        y, colour = top + _HEAD + row * _ROW + 6, "#0a6cc4" if name in _OURS else "#888"
        ends = f'x1="{at(spread.low):.1f}" y1="{y}" x2="{at(spread.high):.1f}" y2="{y}"'
        yield f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
        yield f'<line class="range" style="stroke:{colour}" {ends}/>'
        yield f'<circle cx="{at(spread.middle):.1f}" cy="{y}" r="5" fill="{colour}"/>'
        yield f'<text x="{at(spread.high) + 10:.1f}" y="{y + 4}">{_figure(spread.middle)}</text>'


def _figure(value: float) -> str:
    """At least three digits, no exponent."""
    return f"{value:,.0f}" if round(value) >= _THOUSAND else f"{value:.3g}"
