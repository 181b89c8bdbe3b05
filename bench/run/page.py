"""A page with a report between two marks: puts a new one there, and tells what that would lose. Measures
nothing, and knows of figures only where they stand."""
from run import plan, tables

BEGIN = "<!-- figures of bench/run.py --save: begin -->"
END = "<!-- figures of bench/run.py --save: end -->"


def _parts(page):
    before, begin, rest = page.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"lacks the lines {BEGIN} and {END}")
    return before, between, after


def replaced(page, text):
    """The page with the text between its two marks; raises ValueError if it lacks them."""
    before, _, after = _parts(page)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _tables(text):
    for block in text.split("\n\n"):
        if block.startswith("| "):
            yield [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]


def _rows(text):
    """The titles of its rows, with their workers; and "machine" if there are steps."""
    found = []
    for head, _, *rows in _tables(text):
        found += [f"{row[0]} on {row[1]}" for row in rows] if head[1] == "workers" else [plan.MACHINE]
    return found


def _peers(text):
    return {tables.display_name(name) for head, *_ in _tables(text) if "fastest" in head
            for name in head[head.index("Noh") + 1:head.index("fastest")]}


def lost(page, text, report):
    """Rows and peers that the page has and this text has not, but for rows that are not measured any
    more and peers that cannot be had; raises ValueError as replaced()."""
    _, between, _ = _parts(page)
    known = {plan.MACHINE} | {f"{plan.title(row, measure)} on {workers}" for row in plan.ROWS
                              for measure in row.measures for workers in row.workers}
    here = set(_rows(text))
    rows = [row for row in _rows(between) if row in known and row not in here]
    peers = sorted(_peers(between) - _peers(text))
    head = report.head
    if len(peers) <= len(head["left_out"]) + len(head.get("broken", {})):
        peers = []
    return rows + peers
