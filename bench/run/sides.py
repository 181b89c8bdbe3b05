"""Those who are measured: Noh's programs, and the peers in their folders. Knows how each is asked for
a workload or a server, and no figures."""
import json
import os
import select
import signal
import subprocess
import time

LEFT_OUT = 77
RUN_SECONDS = 300
SERVER_SECONDS = 15


class Problem(Exception):
    """Why there is no result."""


class LeftOut(Exception):
    """Why a peer takes no part."""


class Noh:
    name = "noh"
    version = "Noh"

    def __init__(self, programs):
        self.programs = programs

    def run_command(self, workload, options):
        return [os.path.join(self.programs, "noh-bench"), workload, *options, "--json"]

    def serve_command(self, server, workers):
        return [os.path.join(self.programs, server), "--port", "0", "--workers", str(workers)]


class Peer:
    """A folder with a program `peer` that answers packages, version, build, list, run and serve."""

    def __init__(self, folder, builds):
        self.name = os.path.basename(folder)
        self.program = os.path.join(folder, "peer")
        self.folder = os.path.join(builds, self.name)
        self.version = ""
        self.offers = set()

    def _ask(self, *words):
        done = subprocess.run([self.program, *words], capture_output=True, text=True)
        said = done.stdout.strip() or done.stderr.strip()
        if done.returncode == LEFT_OUT:
            raise LeftOut(said or f"{self.name}: left out")
        if done.returncode:
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise Problem(f"{self.name}: peer {words[0]} failed: {last}")
        return said

    def prepare(self):
        """Asks for its version and builds it. Raises LeftOut or Problem."""
        self.version = self._ask("version")
        self._ask("build", self.folder)
        self.offers = set(self._ask("list").split())

    def about(self):
        """What its steps are, of a floor: {name: words}."""
        lines = self._ask("about").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def run_command(self, workload, options):
        return [self.program, "run", self.folder, workload, *options]

    def serve_command(self, server, workers):
        return [self.program, "serve", self.folder, server, "--workers", str(workers)]


def all_peers(folder, builds):
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [Peer(os.path.join(folder, name), builds) for name in names
            if os.access(os.path.join(folder, name, "peer"), os.X_OK)]


# ---- one run

def run_json(command, judged_later=False):
    """Runs a command that prints one line of JSON. Exit status 1 is a Problem, unless its line is
    going to be judged."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        raise Problem(f"took more than {RUN_SECONDS} s") from None
    except OSError as error:
        raise Problem(f"cannot be started: {error}") from None
    if done.returncode and not (done.returncode == 1 and judged_later and done.stdout):
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        said = words[0] if words else "nothing"
        raise Problem(f"exit status {done.returncode}, says: {said}")
    try:
        result = json.loads(done.stdout)
    except ValueError:
        raise Problem(f"prints no line of JSON: {done.stdout[:80]!r}") from None
    if not isinstance(result, dict):
        raise Problem(f"prints no line of JSON: {done.stdout[:80]!r}")
    return result


# ---- servers

def _children(process):
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
            found = [int(word) for word in file.read().split()]
    except OSError:
        return []
    return found + [below for child in found for below in _children(child)]


def _listening_socket(port):
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in list(file)[1:]:
            words = line.split()
            if words[3] == "0A" and int(words[1].split(":")[1], 16) == port:
                return f"socket:[{words[9]}]"
    return None


def _has_open(process, socket):
    try:
        files = os.listdir(f"/proc/{process}/fd")
    except OSError:
        return False
    for file in files:
        try:
            if os.readlink(f"/proc/{process}/fd/{file}") == socket:
                return True
        except OSError:
            continue
    return False


class Server:
    """Runs while the `with` lasts. Its process, whose time is measured, is the one that listens: a
    script may stand before it."""

    def __init__(self, command, log):
        self.command, self.log = command, log

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            try:
                self.started = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=log)
            except OSError as error:
                raise Problem(f"cannot be started: {error}") from None
        try:
            self.port = self._port()
            socket = _listening_socket(self.port)
            candidates = [self.started.pid] + _children(self.started.pid)
            self.process = next((process for process in candidates
                                 if _has_open(process, socket)), self.started.pid)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _port(self):
        text, until = b"", time.monotonic() + SERVER_SECONDS
        output = self.started.stdout.fileno()
        while time.monotonic() < until and select.select([output], [], [], SERVER_SECONDS)[0]:
            more = os.read(output, 4096)
            text += more
            for line in text.decode(errors="replace").split("\n")[:-1]:
                if line.startswith("listening on 127.0.0.1:"):
                    return int(line.rsplit(":", 1)[1])
            if not more:
                break
        with open(self.log, encoding="utf-8", errors="replace") as log:
            words = log.read().strip().splitlines()
        raise Problem("does not listen" + (f", says: {words[0]}" if words else ""))

    def __exit__(self, *_):
        if self.started.poll() is None:
            self.started.send_signal(signal.SIGTERM)
        try:
            self.started.wait(5)
        except subprocess.TimeoutExpired:
            self.started.kill()
            self.started.wait()
        self.started.stdout.close()
