"""Measures: Noh and a peer by turns, each time a fresh process, and checks that both did the same.
Every result, and every failure, becomes one line; what the lines say is told elsewhere."""
import os

from run import plan, sides

COUNTS_MAY_DIFFER = 0.01  # where parts must be even
RATES_MAY_DIFFER = 0.05


def value_of(result, key):
    for part in key.split("."):
        result = result.get(part) if isinstance(result, dict) else None
    if isinstance(result, bool) or not isinstance(result, (int, float)):
        raise sides.Problem(f"has no number \"{key}\"")
    return result


def check_workload(row, workload, workers, result):
    asked = {"workload": workload, "workers": workers, "tokens": row.tokens}
    for key, value in asked.items():
        if result.get(key) != value:
            raise sides.Problem(f"has {key} {result.get(key)!r}, was asked for {value!r}")
    if abs(value_of(result, "n") - row.n) > row.n * COUNTS_MAY_DIFFER:
        raise sides.Problem(f"did {result['n']} operations, was asked for {row.n}")


def check_load(result):
    for key in ("lost", "duplicated", "reordered", "damaged", "closed"):
        if result.get(key):
            raise sides.Problem(f"{result[key]} {key}")
    if result.get("stalled"):
        raise sides.Problem("stalled")
    rate = result.get("rate")
    if rate and abs(result["per_second"] - rate) > rate * RATES_MAY_DIFFER:
        raise sides.Problem(f"{result['per_second']:.0f} a second, was asked for {rate}")


class Bench:
    """How to measure: where the programs are, how long, and where lines go."""

    def __init__(self, load_program, out, rounds, seconds, record, tell):
        self.load_program, self.out = load_program, out
        self.rounds, self.seconds = rounds, seconds
        self.record, self.tell = record, tell

    def _once(self, side, row, workers):
        if not row.load:
            workload = row.noh if row.noh and side.name == sides.Noh.name else row.offer
            options = ["--workers", str(workers), "--n", str(row.n)]
            if row.tokens > 1:
                options += ["--tokens", str(row.tokens)]
            result = sides.run_json(side.run_command(workload, options))
            check_workload(row, workload, workers, result)
        else:
            log = os.path.join(self.out, f"{side.name}.log")
            with sides.Server(side.serve_command(row.offer, workers), log) as server:
                result = sides.run_json([
                    self.load_program, *row.load.split(), "--seconds", str(self.seconds),
                    "--port", str(server.port), "--pid", str(server.process), "--json"],
                    judged_later=True)
            check_load(result)
        for measure in row.measures:
            value_of(result, measure.key)
        return result

    def _measure(self, side, beside, row, workers, number):
        line = {"row": row.name, "workers": workers, "round": number, "beside": beside,
                "side": side.name}
        try:
            line["result"] = self._once(side, row, workers)
        except sides.Problem as problem:
            line["problem"] = str(problem)
            self.tell(f"{row.name}, {workers} worker(s): {side.version}: {problem}")
        self.record(line)
        return "result" in line

    def compare(self, noh, peer, row, workers):
        """Noh, peer, Noh, peer ... A peer that fails is not asked again."""
        self.tell(f"{row.name}, {workers} worker(s): {peer.version if peer else 'Noh alone'}")
        for number in range(1, self.rounds + 1):
            self._measure(noh, peer.name if peer else "", row, workers, number)
            if peer and not self._measure(peer, peer.name, row, workers, number):
                break

    def row(self, noh, peers, row, workers):
        having = [peer for peer in peers if row.accepts & peer.offers]
        for peer in having or [None]:
            self.compare(noh, peer, row, workers)

    def steps(self, floor):
        """What the machine costs: the floor's steps, which nobody else has."""
        for step, words in floor.about().items():
            self.tell(f"{plan.FLOOR}: {step}")
            for number in range(1, self.rounds + 1):
                line = {"step": step, "about": words, "round": number}
                try:
                    line["result"] = sides.run_json(floor.run_command(step, ["--workers", "1"]))
                    value_of(line["result"], "ns_per_op")
                except sides.Problem as problem:
                    line["problem"] = str(problem)
                    self.tell(f"{plan.FLOOR}, {step}: {problem}")
                self.record(line)
