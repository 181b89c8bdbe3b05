"""A report as tables, for a terminal and as Markdown. Measures nothing and decides nothing."""
import re
import textwrap
from dataclasses import dataclass

from run import figures, plan

TITLES = {
    "messages": ("Messages", "workload"),
    "echo": ("Echo over TCP", "load"),
    "broker": ("The broker, MQTT 3.1.1", "load"),
}


@dataclass(frozen=True)
class Table:
    title: str
    columns: list
    rows: list  # of lists of words, as long as `columns`


# ---- words

def number(value):
    """Three digits that count, grouped by thousands."""
    size = abs(value)
    if size >= 99.95 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}" if size >= 0.9995 else f"{value:.3f}"


def times(ratio):
    return f"{number(ratio) if ratio < 99.95 else f'{ratio:.0f}'}×"


def display_name(version):
    """The name in "Tokio 1.24.2 (multi-thread)": no number, nothing in brackets."""
    return re.sub(r"\s+(\(.*\)|v?\d[^\s,]*)", "", version)


def _figure_words(figure):
    return f"{number(figure.median)} ±{figure.spread * 100:.0f}%"


def _cell_words(cell):
    if cell is None:
        return ""
    if cell.problem:
        return "failed"
    if not cell.figure:
        return ""
    return _figure_words(cell.figure) + (f", {times(cell.ratio)}" if cell.ratio else "")


def _run_words(line):
    """What one run of Noh's did, and for how long."""
    if not line.seconds:
        return ""
    return f"{line.row.n:,} in {number(line.seconds.median * 1000)} ms"


def fastest(line, names):
    best = line.lowest_peer
    if best is None or not line.noh.figure:
        return ""
    ratio = line.peers[best].ratio
    if line.peers[best].tie:
        return f"Noh or {names[best]}"
    if line.lost:
        return f"{names[best]}, {times(1 / ratio)}"
    return f"Noh, {times(ratio)}"


# ---- tables

def names_of(report):
    return {name: display_name(version) for name, version in report.head["peers"].items()}


def _columns(lines):
    """Names of the peers that have a part in these rows; a floor first."""
    found = {name for line in lines for name in line.peers}
    return sorted(found, key=lambda name: (name != plan.FLOOR, name))


def table(report, which):
    lines = report.table(which)
    names = names_of(report)
    peers = _columns(lines)
    title, what = TITLES[which]
    columns = [what, "workers", "unit", "Noh", *(report.head["peers"].get(name, name) for name in peers)]
    rows = [[line.title, str(line.workers), line.measure.unit, _cell_words(line.noh),
             *(_cell_words(line.peers.get(name)) for name in peers), fastest(line, names)]
            for line in lines]
    columns.append("fastest")
    if any(line.seconds for line in lines):
        columns.append("a run of Noh")
        rows = [row + [_run_words(line)] for row, line in zip(rows, lines)]
    return Table(title, columns, rows)


def steps_table(report):
    rows = [[report.abouts[step],
             "failed" if cell.problem else number(cell.figure.median),
             "" if cell.problem else f"±{cell.figure.spread * 100:.0f}%"]
            for step, cell in report.steps.items()]
    return Table("What the machine costs", ["step", "ns", "spread"], rows)


def details_table(report, records):
    """More of the servers' rows than who is fastest."""
    titles = [measure.unit for measure in plan.DETAILS]
    names = {"noh": "Noh", **names_of(report)}
    rows, seen = [], set()
    for line in report.lines:
        if line.row.load.startswith(("echo", "mqtt")) and line.row.name not in seen:
            seen.add(line.row.name)
            for side, found in figures.details(records, line).items():
                rows.append([line.row.name, names.get(side, side), *(
                    number(found[title].median) if title in found else "" for title in titles)])
    return Table("More of the servers", ["load", "server", *titles], rows)


def all_tables(report):
    found = [table(report, which) for which in TITLES] + [steps_table(report)]
    return [one for one in found if one.rows]


# ---- words around them

def machine_words(head):
    machine = head["machine"]
    return f"{machine['cpu']}, {machine['processors']} processors, {machine['kernel']}"


def noh_words(head):
    return f"Noh at {', '.join(head['commits'])}" if head["commits"] else "Noh"


def runs_words(head):
    return "1 run" if head["rounds"] == "1" else f"medians of {head['rounds']} runs"


def command_words(head, quote=""):
    return "Made by " + " and ".join(f"{quote}{command}{quote}" for command in head["commands"]) \
        if head["commands"] else ""


def cache_line_words(report):
    figure = report.cache_line
    if not figure:  # servers alone were measured, or there is one processor
        return ""
    return (f"A cache line took {number(figure.median)} ns from one processor to another "
            f"({number(min(figure.values))} to {number(max(figure.values))} in the course of the run).")


def left_out_words(head):
    return [f"- {words}" for words in head["left_out"].values()]


# ---- as text

def as_text(one):
    cells = [one.columns] + one.rows
    widths = [max(len(row[at]) for row in cells) for at in range(len(one.columns))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in cells]
    return "\n".join([one.title, lines[0], "-" * len(lines[0]), *lines[1:]])


def report_text(report, records):
    head = report.head
    parts = [f"{noh_words(head)}; {machine_words(head)}, {head['when']}; {runs_words(head)}\n"
             + "\n".join(filter(None, (command_words(head), cache_line_words(report))))]
    parts += [as_text(one) for one in all_tables(report)]
    more = details_table(report, records)
    if more.rows:
        parts.append(as_text(more))
    if head["left_out"]:
        parts.append("Left out:\n" + "\n".join(left_out_words(head)))
    if report.problems:
        parts.append("Failed:\n" + "\n".join(f"- {words}" for words in report.problems))
    return "\n\n".join(part.strip() for part in parts)


# ---- as Markdown

def as_markdown(one):
    def row(words):
        return "| " + " | ".join(word.replace("|", "\\|") for word in words) + " |"

    return "\n".join([row(one.columns), row(["---"] * len(one.columns)), *map(row, one.rows)])


def report_markdown(report, picture):
    head = report.head
    runs = runs_words(head)
    made = command_words(head, "`")
    words = (f"{noh_words(head)}; {machine_words(head)}, {head['when'][:10]}. {made + '. ' if made else ''}"
             f"{runs[0].upper() + runs[1:]}, each a process of its own, by turns: Noh, peer, Noh, peer. ±: "
             "how far the farthest run lay from the median. ×: by the median of Noh's runs beside that "
             "peer alone, so not of the medians that are printed. \"Noh or\" somebody: less than ten "
             "percent apart, and the runs overlap. The floor is a program that can do nothing but what is "
             f"measured. {cache_line_words(report)}")
    parts = [textwrap.fill(words, 100, break_long_words=False, break_on_hyphens=False),
             f"![What peers take, by what Noh takes]({picture})"]
    parts += [f"### {one.title}\n\n{as_markdown(one)}" for one in all_tables(report)]
    if head["left_out"]:
        parts.append("Left out of this run:\n\n" + "\n".join(left_out_words(head)))
    if report.problems:
        parts.append("Failed in this run:\n\n" + "\n".join(f"- {words}" for words in report.problems))
    return "\n\n".join(parts)
