#!/usr/bin/env python3
"""Runs each workload of noh-bench in small, which checks its own result, on one worker and on two,
and looks at what it prints; then gives it what it must refuse.

Gets the folder of all programs.
"""
import json
import os
import subprocess
import sys

WORKLOADS = ("pingpong pairs ring counting fanin forkjoin spawn skynet big idle restart timers cancel "
             "fibers waiting publish").split()
NUMBERS = ["n", "ns_per_op", "seconds", "peak_rss_bytes"]
MORE = {"publish": ["copy_ns"], "idle": ["bytes_per_actor"], "waiting": ["bytes_per_actor"],
        "timers": ["cpu_seconds", "late_p50_us", "late_p99_us"]}
WRONG = ["", "juggling", "ring --n 0", "ring --n 1e6", "ring --workers", "ring --speed 3",
         "ring ring", "counting --tokens 2", "ring --n 5 --tokens 6", "ring --workers -1"]
OPERATIONS = 3000

noh_bench = os.path.join(sys.argv[1], "noh-bench")
failures = 0


def expect(truth, what):
    global failures
    if not truth:
        failures += 1
        print("failed:", what)


def bench(options):
    return subprocess.run([noh_bench] + options.split(), capture_output=True, text=True, timeout=120)


expect(bench("--list").stdout.split() == WORKLOADS, "--list names the workloads")

for workload in WORKLOADS:
    for options in ["--workers 1", "--workers 2"]:
        command = f"{workload} {options} --n {OPERATIONS} --json"
        run = bench(command)
        expect(run.returncode == 0, f"{command}: {run.stderr}")
        if run.returncode:
            continue
        result = json.loads(run.stdout)
        expect(run.stdout.count("\n") == 1, f"{command}: one line")
        expect(result["workload"] == workload and result["n"] == OPERATIONS, f"{command}: {result}")
        expect(result["workers"] == int(options[-1]), f"{command}: {result}")
        for key in NUMBERS + MORE.get(workload, []):
            expect(result[key] > 0, f"{command}: {key} in {result}")

for options in ["pingpong --tokens 7 --n 1000", "pairs --tokens 7 --n 1000",
                "ring --tokens 7 --n 1000", "big --n 1", "fanin --n 1", "skynet --n 1",
                "pairs --tokens 2000 --n 2000", "idle --n 1000"]:
    run = bench(options)
    expect(run.returncode == 0 and run.stdout.count("\n") == 1 and not run.stderr, f"{options}: {run}")
    expect(" ns an actor " in run.stdout or not options.startswith("idle"), f"{options}: {run.stdout}")

for options in WRONG:
    run = bench(options)
    expect(run.returncode == 2 and run.stderr and not run.stdout, f"{options}: {run}")

print("all as expected" if not failures else f"{failures} failed")
sys.exit(failures > 0)
