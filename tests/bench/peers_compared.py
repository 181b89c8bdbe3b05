#!/usr/bin/env python3
"""Runs bench/run.py on programs and peers that print what they are told to, and looks at what it makes
of that: medians, spreads, ratios, who is left out, what is wrong, the page and the picture.

Gets the folder of all programs, and needs none of them.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
failures = 0

# Each call of a fake takes the next of its numbers; the last one stays.
NEXT = r"""#!/bin/bash
next() { # file with a number a line
  local value
  value=$(head -n 1 "$1")
  [ "$(wc -l <"$1")" = 1 ] || sed -i 1d "$1"
  echo "$value"
}
here=$(cd "$(dirname "$0")" && pwd)
"""

WORKLOAD = NEXT + r"""
workload=$1 workers=1 n=0 tokens=1
shift
while [ $# -gt 0 ]; do
  case $1 in
  --workers) workers=$2 && shift ;;
  --n) n=$2 && shift ;;
  --tokens) tokens=$2 && shift ;;
  esac
  shift
done
[ ! -e "$here/fewer" ] || n=$((n / 2))
ns=$(next "$here/ns")
printf '{"workload":"%s","workers":%d,"n":%d,"tokens":%d,"ns_per_op":%s,"seconds":%s,' \
  $workload $workers $n $tokens $ns $ns
printf '"bytes_per_actor":%s,"cpu_seconds":%s,"late_p99_us":%s,"cache_line_ns":70}\n' $ns $ns $ns
"""

SERVER = NEXT + r"""
next "$here/ns" >"$here/../serving"
echo "listening on 127.0.0.1:1"
exec sleep 30
"""

# What it measures of a server is what that server took from its numbers.
LOAD = NEXT + r"""
cpu=$(cat "$here/../serving") lost=0
[ "$cpu" != 99 ] || lost=3
printf '{"mode":"echo","lost":%d,"stalled":false,"rate":0,"per_second":1000,' $lost
printf '"server_cpu_seconds_per_million":%s,' $cpu
printf '"latency_us":{"p50":1,"p99":2},"server_peak_rss_bytes":1048576,"own_cpu_seconds_per_million":1}\n'
[ $lost = 0 ]
"""

PEER = NEXT + r"""
case $1 in
version) echo "NAME 1.2.3" ;;
build) mkdir -p "$2" ;;
list) cat "$here/offers" ;;
run) shift 2 && exec "$here/workload" "$@" ;;
serve) exec "$here/server" ;;
esac
"""

FLOOR = PEER.replace("list)", r"""about) printf 'exchange an exchange\nclock the clock\n' ;;
list)""")

ABSENT = """#!/bin/bash
echo "absent: left out: needs a-package"
exit 77
"""

UNBUILT = """#!/bin/bash
[ $1 = version ] && echo "Unbuilt 3" && exit
echo "no such header"
exit 1
"""


def expect(truth, what):
    global failures
    if not truth:
        failures += 1
        print("failed:", what)


def write(path, text, mode=0o755):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


class Stage:
    """A folder with fakes in it."""

    def __init__(self, folder):
        self.folder = folder
        programs = f"{folder}/programs"
        write(f"{programs}/noh-bench", WORKLOAD)
        write(f"{programs}/noh-load", LOAD)
        for name in ("echo", "broker"):
            write(f"{programs}/{name}", SERVER)
        write(f"{folder}/docs/benchmarks.md", "Before.\n\n"
              "<!-- figures of bench/run.py --save: begin -->\nold\n"
              "<!-- figures of bench/run.py --save: end -->\n\nAfter.\n", 0o644)
        os.mkdir(f"{folder}/peers")

    def numbers(self, who, *values):
        place = "programs" if who == "noh" else f"peers/{who}"
        write(f"{self.folder}/{place}/ns", "".join(f"{value}\n" for value in values), 0o644)

    def peer(self, name, offers, program=PEER):
        folder = f"{self.folder}/peers/{name}"
        write(f"{folder}/peer", program.replace("NAME", name.title()))
        write(f"{folder}/workload", WORKLOAD)
        write(f"{folder}/server", SERVER.replace("$here/../serving", "$here/../../programs/../serving"))
        write(f"{folder}/offers", offers + "\n", 0o644)

    def run(self, words):
        """The exit status, what it prints, and its lines."""
        done = subprocess.run(
            [f"{ROOT}/bench/run.py", "--programs", f"{self.folder}/programs",
             "--peers-in", f"{self.folder}/peers", "--builds", f"{self.folder}/builds",
             "--out", f"{self.folder}/out", "--docs", f"{self.folder}/docs", *words.split()],
            capture_output=True, text=True, timeout=60)
        if not os.path.exists(f"{self.folder}/out/raw.jsonl"):
            return done.returncode, done.stdout + done.stderr, []
        with open(f"{self.folder}/out/raw.jsonl", encoding="utf-8") as file:
            return done.returncode, done.stdout + done.stderr, [json.loads(line) for line in file]

    def read(self, name):
        with open(f"{self.folder}/{name}", encoding="utf-8") as file:
            return file.read()


def row_of(text, title):
    """The cells of a row of a printed table."""
    line = next((line for line in text.splitlines() if line.startswith(title)), "")
    return re.split(r"\s{2,}", line)


def compares_by_turns(stage):
    stage.numbers("noh", 10, 12, 11, 10, 20, 10)
    stage.peer("slow", "pingpong\necho")
    stage.peer("quick", "pingpong")
    stage.numbers("slow", 30, 33, 36, 33, 33)
    stage.numbers("quick", 5)
    status, text, lines = stage.run("pingpong --workers 1")

    expect(status == 0, f"a good run: {text}")
    sides = [line["side"] for line in lines if "side" in line]
    expect(sides == ["noh", "quick"] * 5 + ["noh", "slow"] * 5, f"by turns: {sides}")
    cells = row_of(text, "pingpong")
    # Noh beside quick: 10 12 11 10 20, median 11; beside slow 10; all in all 10.
    expect(cells == ["pingpong", "1", "ns", "10.0 ±100%", "5.00 ±0%, 0.455×", "33.0 ±9%, 3.30×",
                     "Quick, 2.20×", "8,000,000 in 10,000 ms"], f"medians, spreads, ratios: {cells}")
    expect("Quick 1.2.3" in text and "A cache line took 70.0 ns" in text, f"names: {text}")


def tells_a_tie(stage):
    stage.numbers("noh", 10, 11, 10, 11, 10)
    stage.peer("even", "ring")
    stage.numbers("even", 10, 9.5, 9.7, 10.1, 9.8)
    _, text, _ = stage.run("ring --workers 2")

    expect(row_of(text, "ring, 1 token")[-2] == "Noh or Even", f"a tie: {text}")


def leaves_out_and_goes_on(stage):
    stage.numbers("noh", 10)
    stage.peer("absent", "", ABSENT)
    stage.peer("unbuilt", "", UNBUILT)
    status, text, lines = stage.run("fanin --workers 1 --rounds 1")

    expect("absent: left out: needs a-package" in text, f"says who is left out: {text}")
    expect(status == 1 and "no such header" in text, f"says what did not build: {text}")
    expect(row_of(text, "fanin")[3] == "10.0 ±0%", f"measures Noh all the same: {text}")
    expect([line["side"] for line in lines if "side" in line] == ["noh"], "once, alone")


def believes_no_wrong_result(stage):
    stage.numbers("noh", 10)
    stage.peer("fewer", "counting")
    stage.numbers("fewer", 1)
    write(f"{stage.folder}/peers/fewer/fewer", "")
    stage.peer("liar", "counting")
    write(f"{stage.folder}/peers/liar/workload", "#!/bin/bash\necho 'wrong sum\nat exit' >&2\nexit 1\n")
    stage.peer("mute", "counting")
    write(f"{stage.folder}/peers/mute/workload", "#!/bin/bash\necho fast\n")
    status, text, lines = stage.run("counting --workers 1 --rounds 2")

    expect(status == 1, "a wrong result is a failure")
    expect(row_of(text, "counting") == ["counting", "1", "ns", "10.0 ±0%", "failed", "failed", "failed",
                                          "8,000,000 in 10,000 ms"],
           f"has no figure, and is not the fastest: {text}")
    expect("Fewer 1.2.3: did 4000000 operations, was asked for 8000000" in text, text)
    expect("Liar 1.2.3: exit status 1, says: wrong sum" in text, text)
    expect("Mute 1.2.3: prints no line of JSON" in text, text)
    expect(sum(line.get("side") == "liar" for line in lines) == 1, "does not ask again")


def loads_servers(stage):
    stage.numbers("noh", 5)
    stage.peer("floor", "exchange\nclock\necho", FLOOR)
    stage.numbers("floor", 4)
    stage.peer("loses", "echo")
    stage.numbers("loses", 99)
    stage.peer("other", "echo")
    stage.numbers("other", 6)
    status, text, _ = stage.run("echo --rounds 1")

    expect(status == 1 and "Loses 1.2.3: 3 lost" in text, f"reports what got lost: {text}")
    expect(row_of(text, "50 connections") == [
        "50 connections", "1", "CPU s a million", "5.00 ±0%", "4.00 ±0%, 0.800×", "failed",
        "6.00 ±0%, 1.20×", "Noh, 1.20×"], f"the floor is no peer: {text}")


def asks_nobody_for_what_he_lacks(stage):
    stage.numbers("noh", 5)
    for name, offers in (("all", "broker"), ("some", "broker-qos1"), ("plain", "broker-qos0")):
        stage.peer(name, offers)
        stage.numbers(name, 6)
    _, _, lines = stage.run("mqtt mqtt-qos1 mqtt-qos2 --rounds 1")

    measured = [(line["row"], line["side"]) for line in lines if line.get("side", "noh") != "noh"]
    expect(measured == [("mqtt", "all"), ("mqtt", "plain"), ("mqtt", "some"), ("mqtt-qos1", "all"),
                        ("mqtt-qos1", "some"), ("mqtt-qos2", "all")], f"{measured}")


def saves(stage):
    stage.numbers("noh", 10)
    stage.peer("floor", "exchange\nclock", FLOOR)
    stage.numbers("floor", 3)
    stage.peer("a<b", "pingpong\nbroker")
    stage.numbers("a<b", 400)
    status, text, lines = stage.run("--quick --rounds 1 --save")

    expect(status == 0, f"a whole run: {text}")
    expect({line["step"] for line in lines if "step" in line} == {"exchange", "clock"}, "all steps")
    page = stage.read("docs/benchmarks.md")
    expect(page.startswith("Before.\n") and page.endswith("\nAfter.\n") and "old" not in page, page)
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("| ")]
    expect(len(tables) == 4, f"messages, echo, broker, steps: {page}")
    for table in tables:
        expect(len({line.count("|") for line in table}) == 1, f"as many cells in each row: {table}")
    expect(any("| Noh, 40.0× |" in line for line in tables[0]), f"{tables[0]}")
    picture = stage.read("docs/benchmarks.svg")
    root = xml.etree.ElementTree.fromstring(picture)
    expect(root.tag.endswith("svg") and "A&lt;B: 40.0× of Noh, pingpong" in picture, picture)
    bars = [float(bar.get("width")) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    expect(all(width > 0 for width in bars) and len(bars) >= 4, f"{bars}")


def adds_to_what_was_measured(stage):
    stage.numbers("noh", 10)
    stage.peer("slow", "pingpong\nring")
    stage.numbers("slow", 20)
    stage.run("pingpong ring --workers 1 --rounds 1")
    stage.numbers("slow", 40)
    _, text, _ = stage.run("ring --workers 1 --rounds 1 --keep")
    _, shown, _ = stage.run("--show")

    expect(row_of(text, "pingpong")[4] == "20.0 ±0%, 2.00×", f"what was there stays: {text}")
    expect(row_of(text, "ring")[4] == "40.0 ±0%, 4.00×", f"what is new takes its place: {text}")
    expect(shown in text, f"shows the same again: {shown}")
    expect("Made by bench/run.py pingpong ring --workers 1 --rounds 1 and bench/run.py ring --workers 1 "
           "--rounds 1 --keep\n" in text, f"says by which commands: {text}")
    _, shown, _ = stage.run("--show ring")
    expect(row_of(shown, "ring")[4] == "40.0 ±0%, 4.00×" and
           row_of(shown, "pingpong") == [""], f"shows one row alone: {shown}")


def saves_no_less_than_there_is(stage):
    stage.numbers("noh", 10)
    stage.peer("one", "pingpong\nring")
    stage.peer("two", "pingpong")
    for name in ("one", "two"):
        stage.numbers(name, 20)
    stage.run("pingpong ring --workers 1 --rounds 1 --save")
    page, picture = stage.read("docs/benchmarks.md"), stage.read("docs/benchmarks.svg")

    status, text, _ = stage.run("pingpong --workers 1 --rounds 1 --save")
    expect(status == 1 and "would lose ring, 1 token on 1:" in text, f"another row: {text}")
    status, text, _ = stage.run("pingpong ring --workers 1 --rounds 1 --peers one --save")
    expect(status == 1 and "would lose Two:" in text, f"another peer: {text}")
    expect(stage.read("docs/benchmarks.md") == page and stage.read("docs/benchmarks.svg") == picture,
           "leaves both as they were")
    status, text, _ = stage.run("pingpong --workers 1 --rounds 2 --keep --save")
    expect(status == 0 and "Medians of 1 to 2 runs" in stage.read("docs/benchmarks.md"),
           f"adds to what was measured: {text}")


def sets_fibers_beside_what_they_replace(stage):
    stage.numbers("noh", 10)
    stage.peer("tasks", "pingpong\nidle")
    stage.numbers("tasks", 20)
    status, text, lines = stage.run("fibers waiting --workers 1 --rounds 1")

    expect(status == 0, text)
    workloads = [(line["side"], line["result"]["workload"]) for line in lines if "side" in line]
    expect(workloads == [("noh", "fibers"), ("tasks", "pingpong"), ("noh", "waiting"), ("tasks", "idle")],
           f"{workloads}")
    expect(row_of(text, "pingpong of fibers")[4] == "20.0 ±0%, 2.00×", text)


def has_a_colour_for_each_peer(_):
    sys.path.insert(0, f"{ROOT}/bench")
    sys.dont_write_bytecode = True
    from run import plot

    peers = set(os.listdir(f"{ROOT}/bench/peers")) - {"floor"}
    expect(len(set(plot.COLOURS)) >= len(peers), f"{len(peers)} peers, colours: {plot.COLOURS}")


def refuses(stage):
    for words in ("juggling", "pingpong --peers nobody"):
        status, text, _ = stage.run(words)
        expect(status == 2 and "there is no" in text, f"{words}: {text}")
    for words in ("--rounds -1", "--rounds 0", "--rounds 1.5", "--seconds -1", "--seconds 0",
                  "--seconds nan", "--workers 0", "--workers 257"):
        status, text, lines = stage.run(f"pingpong {words}")
        expect(status == 2 and "takes a number" in text and not lines, f"{words}: {text}")
    for words, why in (("--show", "nothing to show"), ("--show ring", "nothing to show"),
                       ("--save --docs /nonexistent", "cannot save to /nonexistent/benchmarks.md")):
        status, text, lines = stage.run(f"{words}")
        expect(status == 2 and why in text and "Traceback" not in text and not lines, f"{words}: {text}")


def floor_measures_steps(stage):
    peer, built = f"{ROOT}/bench/peers/floor/peer", f"{stage.folder}/floor"
    if subprocess.run([peer, "version"], capture_output=True).returncode == 77:
        return
    subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror",
                    "-pthread", "-o", f"{stage.folder}/messages", f"{ROOT}/bench/peers/floor/messages.c"],
                   check=True)
    about = subprocess.run([peer, "about"], capture_output=True, text=True).stdout.splitlines()
    itself = subprocess.run([f"{stage.folder}/messages", "--about"], capture_output=True, text=True)
    expect(itself.stdout.splitlines() == about and about, f"the script knows all steps: {about}")
    for line in about:
        step = line.split()[0]
        if len(os.sched_getaffinity(0)) == 1 and step in ("line", "futex", "queue-far"):
            continue
        run = subprocess.run([f"{stage.folder}/messages", step, "--n", "1000"], capture_output=True,
                             text=True, timeout=60)
        expect(run.returncode == 0 and json.loads(run.stdout)["ns_per_op"] > 0, f"{step}: {run}")


for test in (compares_by_turns, tells_a_tie, leaves_out_and_goes_on, believes_no_wrong_result,
             loads_servers, asks_nobody_for_what_he_lacks, saves, adds_to_what_was_measured,
             saves_no_less_than_there_is, sets_fibers_beside_what_they_replace,
             has_a_colour_for_each_peer, refuses, floor_measures_steps):
    with tempfile.TemporaryDirectory() as folder:
        before = failures
        test(Stage(folder))
        print("ok" if failures == before else "FAILED", test.__name__)

sys.exit(1 if failures else 0)
