"""From lines to figures: medians, spreads, ratios, who is fastest. Knows no files and no tables."""
import statistics
from dataclasses import dataclass

from run import plan, rounds, sides

SECONDS = plan.Measure("seconds", "s")

# Closer than this, and with runs that overlap, two are called equal.
A_TIE = 1.1


@dataclass(frozen=True)
class Figure:
    values: tuple

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def spread(self):
        """How far the farthest run lies from the median, as a share of it."""
        median = self.median
        return max(abs(value - median) for value in self.values) / median if median else 0.0

    def overlaps(self, other):
        return min(self.values) <= max(other.values) and min(other.values) <= max(self.values)


@dataclass(frozen=True)
class Cell:
    """What one side has shown in one row."""
    figure: Figure | None
    problem: str = ""
    ratio: float = 0.0  # of a peer: its median by that of Noh's runs between its own
    tie: bool = False  # no telling it from Noh


@dataclass(frozen=True)
class Line:
    """One measure of one row on so many workers, by everybody who has it."""
    row: plan.Row
    measure: plan.Measure
    workers: int
    noh: Cell
    peers: dict  # of cells, by name
    seconds: Figure | None = None  # that Noh's runs took, where they are of a count

    @property
    def title(self):
        return plan.title(self.row, self.measure)

    @property
    def lowest_peer(self):
        """Name of the best peer that is no floor; None if none has a result."""
        ratios = {name: cell.ratio for name, cell in self.peers.items()
                  if name != plan.FLOOR and cell.ratio}
        return min(ratios, key=ratios.get) if ratios else None

    @property
    def lost(self):
        """A peer is faster, and it is no tie."""
        best = self.lowest_peer
        return best is not None and self.peers[best].ratio < 1 and not self.peers[best].tie


@dataclass(frozen=True)
class Report:
    head: dict
    lines: list
    steps: dict  # of cells, by name
    abouts: dict  # what the steps are
    cache_line: Figure | None
    problems: list  # in words

    def table(self, name):
        return [line for line in self.lines if line.row.table == name]


def _figure(results, measure):
    values = tuple(rounds.value_of(result, measure.key) * measure.factor for result in results)
    return Figure(values) if values else None


def _cell(records, measure):
    problem = next((record["problem"] for record in records if "problem" in record), "")
    results = [record["result"] for record in records if "result" in record]
    try:
        return Cell(None if problem else _figure(results, measure), problem)
    except sides.Problem as words:  # measured before the key had this name
        return Cell(None, str(words))


def _peer_cell(records, name, measure):
    beside = [record for record in records if record["beside"] == name]
    cell = _cell([record for record in beside if record["side"] == name], measure)
    noh = _cell([record for record in beside if record["side"] == sides.Noh.name], measure)
    if not cell.figure or not noh.figure or noh.figure.median <= 0:
        return cell
    ratio = cell.figure.median / noh.figure.median
    tie = 1 / A_TIE < ratio < A_TIE and cell.figure.overlaps(noh.figure)
    return Cell(cell.figure, ratio=ratio, tie=tie)


def _lines(records):
    found = []
    for row in plan.ROWS:
        for workers in sorted({record["workers"] for record in records if record["row"] == row.name}):
            of_row = [record for record in records
                      if record["row"] == row.name and record["workers"] == workers]
            names = sorted({record["beside"] for record in of_row} - {""})
            if names:  # what it did alone, before it had peers, is no part of this
                of_row = [record for record in of_row if record["beside"]]
            of_noh = [record for record in of_row if record["side"] == sides.Noh.name]
            seconds = _cell(of_noh, SECONDS).figure if row.n else None
            for measure in row.measures:
                peers = {name: _peer_cell(of_row, name, measure) for name in names}
                found.append(Line(row, measure, workers, _cell(of_noh, measure), peers, seconds))
    return found


def details(records, line):
    """Figures beside those of the table: {side: {title: figure}}."""
    found = {}
    for record in records:
        if "result" in record and record.get("row") == line.row.name:
            found.setdefault(record["side"], []).append(record["result"])
    shown = {}
    for side, results in found.items():
        for measure in plan.DETAILS:
            try:
                shown.setdefault(side, {})[measure.unit] = _figure(results, measure)
            except sides.Problem:
                continue
    return shown


def _merged(heads, live):
    """One head for all runs that some figure is still of: everybody's versions, every commit."""
    head = dict(heads[-1])
    head["peers"] = {name: version for one in heads for name, version in one["peers"].items()}
    head["left_out"] = {name: words for one in heads for name, words in one["left_out"].items()
                        if name not in head["peers"]}
    head["commits"] = list(dict.fromkeys(one["commit"] for one in live if one["commit"]))
    head["commands"] = list(dict.fromkeys(one["command"] for one in live if one.get("command")))
    counts = sorted({one["rounds"] for one in live})
    head["rounds"] = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return head


def of_rows(lines, rows, steps, workers):
    """The lines of these rows alone, on so many workers if any are named."""
    names = {row.name for row in rows}
    return [line for line in lines if "run" in line or ("step" in line and steps) or
            (line.get("row") in names and (not workers or line["workers"] in workers))]


def newest(lines):
    """Splits the lines of a file into its heads, made one, and the records of whatever was measured
    last: a pair that is measured again takes the place of what it was."""
    heads, latest, kept = [], {}, []
    for line in lines:
        if "run" in line:
            heads.append(line["run"])
            continue
        key = line.get("step") or (line["row"], line["workers"], line["beside"])
        latest[key] = len(heads) - 1
        kept.append((len(heads) - 1, key, line))
    kept = [(run, line) for run, key, line in kept if latest[key] == run]
    live = [heads[run] for run in sorted({run for run, _ in kept})]
    return _merged(heads, live or heads[-1:]), [line for _, line in kept]


def report(lines):
    head, records = newest(lines)
    of_rows = [record for record in records if "row" in record]
    of_steps = {}
    for record in records:
        if "step" in record:
            of_steps.setdefault(record["step"], []).append(record)

    latencies = [record["result"].get("cache_line_ns") for record in of_rows if "result" in record]
    latencies = tuple(ns for ns in latencies if ns)
    problems = []
    for record in records:
        if "problem" in record:
            what = record.get("step") or f"{record['row']}, {record['workers']} worker(s)"
            who = record.get("side", plan.FLOOR)
            problems.append(f"{what}: {head['peers'].get(who, 'Noh')}: {record['problem']}")
    problems += [f"{name}: {words}" for name, words in head.get("broken", {}).items()]
    return Report(head, _lines(of_rows),
                  {step: _cell(found, plan.NS[0]) for step, found in of_steps.items()},
                  {step: found[0]["about"] for step, found in of_steps.items()},
                  Figure(latencies) if latencies else None, problems)
