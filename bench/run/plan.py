"""What is measured: the rows of the tables, with their counts. Knows no peer and runs nothing."""
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Measure:
    """One number of a line of JSON, as a row of a table shows it; less is better."""
    key: str  # of a key inside of another: "latency_us.p99"
    unit: str
    factor: float = 1
    title: str = ""  # what tells it from the row's other measures


@dataclass(frozen=True)
class Row:
    name: str  # as the command line calls it
    table: str  # messages, echo or broker
    title: str
    offer: str  # what a peer must have for it: a workload or a server
    measures: tuple
    n: int = 0
    main: bool = False  # part of a quick run, if no rows are named
    tokens: int = 1
    load: str = ""  # arguments of the load generator, of rows that have a server
    qos: int = 0  # that a broker must know
    workers: tuple = (1, 2)
    noh: str = ""  # its workload, if it is another one than the peers'

    @property
    def accepts(self):
        """What a peer may list to have a part in it. `broker-qos1` is a broker without QoS 2."""
        if self.offer != "broker":
            return {self.offer}
        return {"broker", *(f"broker-qos{qos}" for qos in range(self.qos, 2))}


NS = (Measure("ns_per_op", "ns"),)
BYTES = (Measure("bytes_per_actor", "bytes"),)
CPU = Measure("server_cpu_seconds_per_million", "CPU s a million")

# Beside each row of a server, in the terminal alone.
DETAILS = (Measure("per_second", "a second"), Measure("latency_us.p50", "p50 us"),
           Measure("latency_us.p99", "p99 us"), Measure("server_peak_rss_bytes", "peak MiB", 2**-20),
           Measure("own_cpu_seconds_per_million", "load's CPU s a million"))


def _messages(name, title, n, main=False, offer="", tokens=1, measures=NS, workers=(1, 2), noh=""):
    return Row(name, "messages", title, offer or name, measures, n, main, tokens, workers=workers,
               noh=noh)


def _server(name, title, offer, load, main=False, measures=(CPU,), qos=0):
    # On one worker alone: the load generator takes the other processor.
    return Row(name, offer, title, offer, measures, load=load, qos=qos, main=main,
               workers=(1,))


# So many operations that a run of Noh takes some 70 ms or more.
ROWS = (
    _messages("pingpong", "pingpong", 8_000_000, main=True),
    _messages("ring", "ring, 1 token", 8_000_000),
    _messages("ring-100", "ring, 100 tokens", 8_000_000, offer="ring", tokens=100),
    _messages("counting", "counting", 8_000_000),
    _messages("fanin", "fanin", 8_000_000),
    _messages("forkjoin", "forkjoin", 8_000_000),
    _messages("big", "big", 6_000_000),
    _messages("pairs", "pairs, 10,000 of them", 6_000_000, tokens=10_000),
    _messages("spawn", "spawn, a life", 1_000_000, main=True),
    _messages("skynet", "skynet, a leaf", 1_000_000),
    _messages("cancel", "timer set and cancelled", 2_000_000, offer="cancel"),
    _messages("timers", "a million sleeps", 1_000_000, measures=(
        Measure("cpu_seconds", "ms", 1e3, "CPU"), Measure("late_p99_us", "ms", 1e-3, "late, p99"))),
    _messages("idle", "idle, an actor", 1_000_000, workers=(1,), measures=BYTES),
    _messages("restart", "restart", 200_000),
    # Fibers do what goroutines and tasks do, so they stand beside those.
    _messages("fibers", "pingpong of fibers", 2_000_000, offer="pingpong", noh="fibers"),
    _messages("waiting", "idle, a fiber", 100_000, offer="idle", noh="waiting", workers=(1,),
              measures=BYTES),
    _messages("publish", "publish to 1,000", 4_000_000, tokens=1_000),

    _server("echo", "50 connections", "echo", "echo", main=True),
    _server("echo-16", "pipelined by 16", "echo", "echo --window 16"),

    _server("mqtt", "50 to 50, QoS 0, window 64", "broker", "mqtt --window 64", main=True),
    _server("mqtt-window-1", "50 to 50, QoS 0, window 1", "broker", "mqtt --window 1"),
    _server("mqtt-qos1", "50 to 50, QoS 1, window 16", "broker", "mqtt --qos 1 --window 16", qos=1),
    _server("mqtt-qos2", "50 to 50, QoS 2, window 16", "broker", "mqtt --qos 2 --window 16", qos=2),
    _server("mqtt-fanout", "1 to 500, QoS 0", "broker",
            "mqtt --topics fanout --subscribers 500 --window 64"),
    _server("mqtt-fanin", "500 to 1, QoS 0", "broker",
            "mqtt --topics fanin --publishers 500 --window 64"),
    _server("mqtt-rate", "20,000 a second, QoS 0", "broker", "mqtt --rate 20000",
            measures=(Measure("latency_us.p99", "us", title="p99"), replace(CPU, title="CPU"))),
    _server("mqtt-idle", "10,000 idle connections, each", "broker", "idle --connections 10000",
            measures=(Measure("held_bytes_each", "bytes"),), qos=1),
)

def title(row, measure):
    return f"{row.title}, {measure.title}" if measure.title else row.title


# Servers that cannot do anything but what is measured: no peers, and never said to be the fastest.
FLOOR = "floor"


def by_name(name):
    return next((row for row in ROWS if row.name == name), None)


# Called as a row is, it is the floor's steps.
MACHINE = "machine"


def chosen(names, quick):
    """The rows of these names, or all, and whether the floor's steps are among them; raises
    LookupError with the name that is none."""
    if not names:
        return [row for row in ROWS if row.main or not quick], True
    for name in names:
        if name != MACHINE and not by_name(name):
            raise LookupError(name)
    return [by_name(name) for name in names if name != MACHINE], MACHINE in names
