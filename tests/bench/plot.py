"""Cumulative distributions as an SVG: one panel per figure, each with its own axis, in colours for light and dark."""
import html
import math

from figures import percentile

COLUMNS, WIDTH, HEIGHT = 3, 360, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 44, 40
STYLE = """
  .back { fill: #fbfbfa } text { font: 11px sans-serif; fill: #33373b } .title { font-weight: bold; font-size: 12px }
  .number { text-anchor: middle } .share { text-anchor: end }
  .axis { stroke: #9aa0a6; fill: none } .grid { stroke: #9aa0a6; stroke-opacity: .25 }
  .curve { stroke: #3b76b0; fill: none; stroke-width: 1.8 } .dot { fill: #3b76b0; fill-opacity: .55 }
  .mark { stroke: #3b76b0; stroke-dasharray: 2 3 } .target { stroke: #c07a2c; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    .back { fill: #1c1f22 } text { fill: #d5d8db } .curve, .mark { stroke: #7db3e8 } .dot { fill: #7db3e8 }
    .target { stroke: #e0a860 }
  }
"""


def draw(figures, heading):
    figures = list(figures)
    height = 60 + math.ceil(len(figures) / COLUMNS) * HEIGHT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * WIDTH}" height="{height}" '
             f'viewBox="0 0 {COLUMNS * WIDTH} {height}"><style>{STYLE}</style>'
             f'<rect class="back" width="100%" height="100%"/>',
             _text(LEFT, 24, heading, "title"),
             _text(LEFT, 42, "share of values that are at most so large; dashed: 50th and 95th percentile; "
                             "orange: what the 95th may be at most")]
    for index, figure in enumerate(figures):
        x, y = index % COLUMNS * WIDTH, 60 + index // COLUMNS * HEIGHT
        parts.append(f'<g transform="translate({x} {y})">{_panel(figure)}</g>')
    return "\n".join(parts) + "\n</svg>\n"


def _text(x, y, text, style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{html.escape(text)}</text>'


def _line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def _steps(most):
    """Round numbers from 0 to at least most, five to ten of them."""
    step = 10 ** math.floor(math.log10(most))
    step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if most / (step * part) <= 6)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def _panel(figure):
    ordered, unit = sorted(figure.values), {"pct": "%"}.get(figure.unit, figure.unit)
    ticks = _steps(max(ordered[-1], figure.target or 0, 1) * 1.02)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(value):
        return LEFT + (right - LEFT) * value / ticks[-1]

    def up(share):
        return bottom - (bottom - TOP) * share

    p50, p95 = percentile(ordered, 50), percentile(ordered, 95)
    parts = [_text(LEFT, 14, figure.title, "title"),
             _text(LEFT, 30, f"p50 {p50:.4g}, p95 {p95:.4g} {unit}; {len(ordered)} values")]
    for share in (0, 0.5, 1):
        parts += [_line(LEFT, up(share), right, up(share), "grid"),
                  _text(LEFT - 6, up(share) + 4, f"{share:.0%}", "share")]
    for tick in ticks:
        parts += [_line(across(tick), bottom, across(tick), bottom + 4, "axis"),
                  _text(across(tick), bottom + 16, f"{tick:g}", "number")]
    parts.append(_text((LEFT + right) / 2, bottom + 31, unit, "number"))
    for value in (p50, p95):
        parts.append(_line(across(value), TOP, across(value), bottom, "mark"))
    if figure.target is not None:
        parts.append(_line(across(figure.target), TOP - 6, across(figure.target), bottom, "target"))
    curve = [f"M{LEFT} {bottom}"]
    for count, value in enumerate(ordered, 1):
        curve.append(f"H{across(value):.1f}V{up(count / len(ordered)):.1f}")
    parts.append(f'<path class="curve" d="{"".join(curve)}H{right}"/>')
    parts += [f'<circle class="dot" cx="{across(value):.1f}" cy="{bottom - 4}" r="2"/>' for value in ordered]
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    return "".join(parts)
