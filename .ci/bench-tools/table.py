# SPDX-License-Identifier: Apache-2.0
"""The table that the benchmark prints."""
from __future__ import annotations

import dataclasses
from collections.abc import Callable

# Bounds of this machine, where they are known: the same work without a proxy, and by the barest relay (relay.c).
NO_PROXY = "no proxy"
BARE_RELAY = "bare relay"
HEADINGS = ("what", "unit", "tidegate", "v2ray", "ratio", "target", "met", NO_PROXY, BARE_RELAY)


@dataclasses.dataclass
class Target:
    text: str
    met: Callable[[float, float], bool]
    """Takes tidegate's figure and the ratio."""


def at_least(ratio: float) -> Target:
    return Target(f">= {ratio:g}x", lambda _, measured: measured >= ratio)


def at_most(figure: float) -> Target:
    return Target(f"<= {figure:g}", lambda measured, _: measured <= figure)


@dataclasses.dataclass
class Row:
    """One line: figures by name (tidegate, v2ray, and bounds), and the target if there is one."""

    what: str
    unit: str
    figures: dict[str, float]
    target: Target | None = None

    @property
    def ratio(self) -> float:
        if "v2ray" not in self.figures:
            return float("nan")
        return self.figures["tidegate"] / self.figures["v2ray"] if self.figures["v2ray"] else float("inf")

    @property
    def met(self) -> bool | None:
        return self.target.met(self.figures["tidegate"], self.ratio) if self.target else None

    def cells(self) -> tuple[str, ...]:
        verdict = {True: "yes", False: "NO", None: ""}[self.met]
        shown = {name: figure_text(figure) for name, figure in self.figures.items()}
        ratio = f"{self.ratio:.2f}x" if "v2ray" in self.figures else ""
        return (self.what, self.unit, shown["tidegate"], shown.get("v2ray", ""), ratio,
                self.target.text if self.target else "", verdict, shown.get(NO_PROXY, ""), shown.get(BARE_RELAY, ""))


def figure_text(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:,.2f}"


def render(rows: list[Row]) -> str:
    """Text is flush left, figures are flush right."""
    cells = [row.cells() for row in rows]
    filled = [number for number in range(len(HEADINGS)) if any(line[number] for line in cells)]
    headings, *lines = [[line[number] for number in filled] for line in (HEADINGS, *cells)]
    lines.insert(0, headings)
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if heading in ("what", "unit", "target", "met") else cell.rjust(width)
            for heading, cell, width in zip(headings, line, widths)
        ).rstrip()
        for line in lines
    )
