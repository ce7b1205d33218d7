"""A bar chart as numbers for an SVG made on the server: no script may draw it. Floor 0."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in the chart's own units; text, so that no locale puts commas into attributes."""

    x: str
    y: str
    width: str
    height: str
    label: str
    value: int


def bars(
    points: Sequence[tuple[str, int]], *, width: float, height: float, gap: float = 2
) -> list[Bar]:
    """Return a bar for each point, side by side over the whole width, the largest full height."""
    if not points:
        return []
    step = width / len(points)
    largest = max(1, max(value for _, value in points))
    drawn = []
    for number, (label, value) in enumerate(points):
        # A day with one download among thousands is still to be seen.
        tall = max(1.5, height * value / largest) if value else 0.0
        drawn.append(
            Bar(
                x=f"{number * step + gap / 2:.2f}",
                y=f"{height - tall:.2f}",
                width=f"{max(0.5, step - gap):.2f}",
                height=f"{tall:.2f}",
                label=label,
                value=value,
            )
        )
    return drawn
