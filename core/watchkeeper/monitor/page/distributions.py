"""A column's distribution in the window over the reference's, as inline SVG."""

from __future__ import annotations

from html import escape
from typing import Final

from .axes import BOTTOM, HEIGHT, RIGHT, TOP, WIDTH, short_number
from .shapes import Shape

_LEFT: Final = 8
_ROW: Final = 22
_NAMES: Final = 120
_LONGEST_NAME: Final = 18


def distribution_chart(title: str, shape: Shape) -> str:
    """Numbers as two outlines over one axis, categories as pairs of bars."""
    return _labels_chart(title, shape) if shape.labels else _numbers_chart(title, shape)


def _numbers_chart(title: str, shape: Shape) -> str:
    highest = max(*shape.reference, *shape.window)
    foot, low, high = HEIGHT - BOTTOM, shape.edges[0], shape.edges[-1]
    middle = (low + high) / 2.0
    told = escape(
        f"{title}: window over reference, {short_number(low)} to {short_number(high)}; the fullest part of the window "
        f"is near {_mode(shape.edges, shape.window)}, of the reference near {_mode(shape.edges, shape.reference)}"
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{told}"><title>{told}</title>'
        f'<polygon class="before" points="{_outline(shape.reference, highest)}"/>'
        f'<polygon class="after" points="{_outline(shape.window, highest)}"/>'
        f'<line class="foot" x1="{_LEFT}" x2="{WIDTH - RIGHT}" y1="{foot}" y2="{foot}"/>'
        f'<text x="{_LEFT}" y="{HEIGHT - 6}">≤ {short_number(low)}</text>'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">{short_number(middle)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">≥ {short_number(high)}</text></svg>'
    )


def _outline(shares: tuple[float, ...], highest: float) -> str:
    foot = HEIGHT - BOTTOM
    wide = (WIDTH - RIGHT - _LEFT) / len(shares)
    corners = [f"{_LEFT},{foot}"]
    for at, share in enumerate(shares):
        y = round(foot - share / highest * (foot - TOP), 1)
        corners += [f"{round(_LEFT + at * wide, 1)},{y}", f"{round(_LEFT + (at + 1) * wide, 1)},{y}"]
    return " ".join([*corners, f"{WIDTH - RIGHT},{foot}"])


def _mode(edges: tuple[float, ...], shares: tuple[float, ...]) -> str:
    at = max(range(len(shares)), key=shares.__getitem__)
    return short_number((edges[at] + edges[at + 1]) / 2.0)


def _labels_chart(title: str, shape: Shape) -> str:
    highest = max(*shape.reference, *shape.window)
    full = WIDTH - _NAMES - 62
    rows, words = [], []
    for at, (label, before, now) in enumerate(zip(shape.labels, shape.reference, shape.window, strict=True)):
        y = at * _ROW + 4
        name = label if len(label) <= _LONGEST_NAME else label[: _LONGEST_NAME - 1] + "…"
        words.append(f"{label} {now:.1%}, was {before:.1%}")
        rows.append(
            f"<g><title>{escape(words[-1])}</title>"
            f'<text x="{_NAMES - 6}" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="before" x="{_NAMES}" y="{y}" width="{round(before / highest * full, 1)}" height="8"/>'
            f'<rect class="after" x="{_NAMES}" y="{y + 8}" width="{round(now / highest * full, 1)}" height="8"/>'
            f'<text x="{WIDTH - 4}" y="{y + 12}" text-anchor="end">{before:.0%} → {now:.0%}</text></g>'
        )
    told = escape(f"{title}: " + "; ".join(words))
    height = len(rows) * _ROW + 4
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{told}"><title>{told}</title>'
        + "".join(rows)
        + "</svg>"
    )
