#!/usr/bin/env python3
"""Measures Noh beside its peers, pair by pair in one run, and shows who is fastest: reads the command
line, and knows no figure itself."""
import argparse
import json
import os
import platform
import resource
import shlex
import signal
import subprocess
import sys
import time

from run import figures, page, plan, plot, rounds, sides, tables

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORKERS_MOST = 256
FOLDERS = ("--out", "--programs", "--peers-in", "--builds", "--docs")
SECONDS_MOST = 3600


def count(most):
    def read(text):
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"takes a number from 1 to {most}, not {text!r}")
        return int(text)
    return read


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= SECONDS_MOST:
        raise argparse.ArgumentTypeError(
            f"takes a number above 0, at most {SECONDS_MOST}, not {text!r}")
    return value


def options_of(words):
    parser = argparse.ArgumentParser(
        prog="bench/run.py", allow_abbrev=False,
        description="Noh beside its peers (bench/peers), by turns in one run.",
        epilog=f"Rows: {' '.join([plan.MACHINE, *(row.name for row in plan.ROWS)])}. Exit status: 0 all "
        "well, 1 a run failed or a result was wrong, 2 wrong usage.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="what to measure; all, if none is named")
    parser.add_argument("--quick", action="store_true",
                        help="fewer runs and shorter loads; the main rows, if none is named: two minutes")
    parser.add_argument("--rounds", type=count(1000), help="runs of each (5; 3 if quick)")
    parser.add_argument("--seconds", type=seconds, help="how long a server is loaded (3; 1 if quick)")
    parser.add_argument("--workers", type=count(WORKERS_MOST), action="append",
                        help="on so many alone; may be repeated")
    parser.add_argument("--peers", help="names, by commas; all, if not given; 'none' for Noh alone")
    parser.add_argument("--keep", action="store_true", help="add to what was measured before")
    parser.add_argument("--show", action="store_true",
                        help="measure nothing, show what was measured of these rows, or of all")
    parser.add_argument("--save", action="store_true",
                        help="refresh docs/benchmarks.md and .svg, if that has all rows that they have")
    parser.add_argument("--out", default=os.path.join(ROOT, "build/bench"), help="(build/bench)")
    parser.add_argument("--programs", default=os.path.join(ROOT, "build/release/bin"),
                        help="where Noh's are (build/release/bin)")
    parser.add_argument("--peers-in", default=os.path.join(ROOT, "bench/peers"), help="(bench/peers)")
    parser.add_argument("--builds", default=os.path.join(ROOT, "build/peers"), help="(build/peers)")
    parser.add_argument("--docs", default=os.path.join(ROOT, "docs"), help="(docs)")
    options = parser.parse_args(words)

    options.command = command(words)
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 3)
    try:
        options.chosen, options.steps = plan.chosen(options.rows, options.quick)
    except LookupError as name:
        parser.error(f"there is no row {name}")
    return parser, options


def command(words):
    """What was typed, but for folders, which are this machine's."""
    kept, skips = [], False
    for word in words:
        name = word.split("=")[0]
        if not skips and name not in FOLDERS:
            kept.append(word)
        skips = not skips and word in FOLDERS
    return shlex.join(["bench/run.py", *kept])


def tell(words):
    print(words, file=sys.stderr, flush=True)


def machine():
    cpu = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        cpu = names[0] if names else cpu
    except OSError:
        pass
    return {"cpu": cpu, "processors": len(os.sched_getaffinity(0)),
            "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"}


def commit():
    try:
        done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty=, changed"],
                              capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip()


def prepared(parser, options):
    """The peers that take part, who is left out and why, and whose build is broken."""
    wanted = options.peers.split(",") if options.peers else None
    peers = sides.all_peers(options.peers_in, options.builds)
    for name in set(wanted or ()) - {peer.name for peer in peers} - {"none"}:
        parser.error(f"there is no peer {name}")
    ready, left_out, broken = [], {}, {}
    for peer in peers:
        if wanted and peer.name not in wanted:
            continue
        tell(f"building {peer.name}")
        try:
            peer.prepare()
            ready.append(peer)
        except sides.LeftOut as words:
            left_out[peer.name] = str(words)
            tell(str(words))
        except sides.Problem as problem:
            broken[peer.name] = str(problem)
            tell(str(problem))
    return ready, left_out, broken


def measure(parser, options, raw):
    peers, left_out, broken = prepared(parser, options)
    head = {"run": {"when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "machine": machine(),
                    "commit": commit(), "command": options.command, "rounds": options.rounds,
                    "left_out": left_out, "broken": broken,
                    "peers": {peer.name: peer.version for peer in peers}}}
    with open(raw, "a" if options.keep else "w", encoding="utf-8") as file:
        def record(line):
            print(json.dumps(line), file=file, flush=True)

        record(head)
        bench = rounds.Bench(os.path.join(options.programs, "noh-load"), options.out,
                             options.rounds, options.seconds, record, tell)
        noh = sides.Noh(options.programs)
        for peer in peers:
            if peer.name == plan.FLOOR and options.steps:
                bench.steps(peer)
        for row in options.chosen:
            for workers in options.workers or row.workers:
                bench.row(noh, peers, row, workers)


def page_in(docs):
    with open(os.path.join(docs, "benchmarks.md"), encoding="utf-8") as file:
        return file.read()


def save(report, docs):
    """Returns whether all that the page has is in the report: else it stays as it is."""
    before, text = page_in(docs), tables.report_markdown(report, "benchmarks.svg")
    lost = page.lost(before, text, report)
    if lost:
        tell(f"bench/run.py: not saved, since the page would lose {'; '.join(lost)}: "
             "measure these too, with --keep")
        return False
    with open(os.path.join(docs, "benchmarks.md"), "w", encoding="utf-8") as file:
        file.write(page.replaced(before, text))
    with open(os.path.join(docs, "benchmarks.svg"), "w", encoding="utf-8") as file:
        file.write(plot.svg(report))
    return True


def measured(options, raw):
    """The lines of what was measured; of the rows that are to be shown, if such are named."""
    try:
        with open(raw, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    except FileNotFoundError:
        lines = []
    if options.show and (options.rows or options.workers):
        rows = options.chosen if options.rows else plan.ROWS
        lines = figures.of_rows(lines, rows, options.steps, options.workers)
    return lines if any("run" not in line for line in lines) else []


def main():
    parser, options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends servers on the way out
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.environ["LC_ALL"] = "C"

    if options.save:
        try:
            page.replaced(page_in(options.docs), "")
        except (OSError, ValueError) as error:
            parser.error(f"cannot save to {options.docs}/benchmarks.md: {error}")
    os.makedirs(options.out, exist_ok=True)
    raw = os.path.join(options.out, "raw.jsonl")
    if not options.show:
        measure(parser, options, raw)
    lines = measured(options, raw)
    if not lines:
        parser.error(f"nothing to show: {raw} has no such figures")
    report = figures.report(lines)
    print(tables.report_text(report, figures.newest(lines)[1]))
    with open(os.path.join(options.out, "benchmarks.svg"), "w", encoding="utf-8") as file:
        file.write(plot.svg(report))
    if options.save and not save(report, options.docs):
        return 1
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
