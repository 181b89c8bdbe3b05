"""A report as a picture: what each peer takes by what Noh takes, as bars on a logarithmic axis. Writes
SVG by itself; knows how nothing was measured."""
import math
from html import escape

from run import plan, tables

# Of the peers, in the order of their names: no fewer than there are. Those of one panel are told apart
# on both grounds, also by who sees no red, no green or no blue.
COLOURS = ("#d55e00", "#009e73", "#6c6fd1", "#e69f00", "#aa4499", "#bbbb44", "#56b4e9", "#8a4b20")
FLOOR_COLOUR = "#8a8f98"

STYLE = """
.ground { fill: #ffffff }
.frame { stroke: #d0d4da; fill: none }
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.small { font-size: 10.5px; fill: #59636e }
.grid { stroke: #e3e6ea }
.noh { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  .ground { fill: #0d1117 }
  .frame { stroke: #3d444d }
  text { fill: #e6edf3 }
  .small { fill: #9aa4af }
  .grid { stroke: #262c34 }
  .noh { stroke: #e6edf3 }
}
"""

LABELS, PLOT, MARGIN = 230, 500, 20
BAR, GAP = 8, 10
WORDS = 26  # two lines, beside the bars
WIDTH = MARGIN + LABELS + PLOT + 60 + MARGIN


def _nice_steps(least, most):
    """1, 2, 5, 10 ... that lie between."""
    steps = [factor * 10.0**power for power in range(-4, 7) for factor in (1, 2, 5)]
    return [step for step in steps if least * 0.999 <= step <= most * 1.001]


class _Panel:
    """Bars of one table, and where they lie."""

    def __init__(self, report, which, colours, names):
        self.title, _ = tables.TITLES[which]
        self.colours, self.names = colours, names
        self.lines = [line for line in report.table(which)
                      if any(cell.ratio for cell in line.peers.values())]
        ratios = [cell.ratio for line in self.lines for cell in line.peers.values() if cell.ratio]
        self.least = min(ratios + [0.5]) / 1.1
        self.most = max(ratios + [2]) * 1.1

    def _x(self, ratio):
        share = math.log(ratio / self.least) / math.log(self.most / self.least)
        return MARGIN + LABELS + share * PLOT

    def _bars(self, line):
        return [(name, cell) for name, cell in
                sorted(line.peers.items(), key=lambda peer: (peer[0] != plan.FLOOR, peer[0]))
                if cell.ratio]

    def _group(self, line, y):
        bars = self._bars(line)
        height = max(len(bars) * BAR, WORDS)
        middle = y + height / 2
        y = middle - len(bars) * BAR / 2
        plural = "worker" if line.workers == 1 else "workers"
        noh = tables.number(line.noh.figure.median) if line.noh.figure else "failed"
        parts = [f'<text x="{MARGIN}" y="{middle}">{escape(line.title)}</text>',
                 f'<text class="small" x="{MARGIN}" y="{middle + 12}">{line.workers} {plural}, '
                 f'Noh {noh} {escape(line.measure.unit)}</text>']
        for at, (name, cell) in enumerate(bars):
            left, right = sorted((self._x(1), self._x(cell.ratio)))
            top = y + at * BAR
            words = f"{self.names[name]}: {tables.times(cell.ratio)} of Noh, {line.title}"
            parts.append(f'<rect x="{left:.1f}" y="{top}" width="{max(right - left, 1):.1f}" '
                         f'height="{BAR - 1}" fill="{self.colours[name]}">'
                         f'<title>{escape(words)}</title></rect>')
            parts.append(f'<text class="small" x="{max(right, self._x(1)) + 4:.1f}" y="{top + BAR - 1}" '
                         f'style="font-size:8px">{tables.times(cell.ratio)}</text>')
        return parts, height + GAP

    def _legend(self, y):
        used = {name for line in self.lines for name, _ in self._bars(line)}
        parts, x = [], MARGIN + LABELS
        for name in sorted(used, key=lambda name: (name != plan.FLOOR, name)):
            parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" '
                         f'fill="{self.colours[name]}"/>')
            parts.append(f'<text x="{x + 14}" y="{y}">{escape(self.names[name])}</text>')
            x += 26 + 7 * len(self.names[name])
        return parts

    def draw(self, y):
        """Its elements, and where the next one may begin."""
        parts = [f'<text class="title" x="{MARGIN}" y="{y + 16}">{escape(self.title)}</text>']
        parts += self._legend(y + 16)
        top = y + 44
        groups, bottom = [], top + 6
        for line in self.lines:
            found, height = self._group(line, bottom)
            groups += found
            bottom += height
        for step in _nice_steps(self.least, self.most):
            x = self._x(step)
            kind = "noh" if step == 1 else "grid"
            parts.append(f'<line class="{kind}" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>')
            parts.append(f'<text class="small" x="{x:.1f}" y="{top - 5}" '
                         f'text-anchor="middle">{"Noh" if step == 1 else f"{step:g}×"}</text>')
        return parts + groups, bottom + 20


def svg(report):
    names = tables.names_of(report)
    others = sorted(name for name in names if name != plan.FLOOR)
    colours = {name: COLOURS[at % len(COLOURS)] for at, name in enumerate(others)}
    colours[plan.FLOOR] = FLOOR_COLOUR

    parts, y = [], MARGIN + 30
    for which in tables.TITLES:
        panel = _Panel(report, which, colours, names)
        if panel.lines:
            drawn, y = panel.draw(y)
            parts += drawn
    head = report.head
    words = (f"What peers take, by what Noh takes: right of its line is slower. "
             f"{tables.machine_words(head)}, {head['when'][:10]}")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" role="img">',
        f"<title>{escape(words)}</title>", f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{y:.0f}"/>',
        f'<text class="small" x="{MARGIN}" y="{MARGIN + 8}">{escape(words)}</text>',
        *parts, "</svg>", ""])
