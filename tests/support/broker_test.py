"""What the end-to-end tests of a broker share: starting one, speaking MQTT 3.1.1 to it byte by
byte, counting what passed. Knows no test; needs Python's standard library alone.

The broker under test is PROGRAMS/broker, or whatever --broker says (a shell's command line that
takes --port 0 and prints "listening on 127.0.0.1:PORT"), or Debian's mosquitto with --mosquitto:
that shows that the tests themselves are right.
"""

import argparse
import atexit
import os
import random
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PATIENCE = 10.0  # seconds to wait for what must come; nothing that passes waits so long

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = range(8, 15)


class Failure(Exception):
    pass


def check(truth, text):
    if not truth:
        raise Failure(text)


# ---- packets ---------------------------------------------------------------------------------


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


def length(number):
    data = b""
    while True:
        number, digit = divmod(number, 128)
        data += bytes([digit | (128 if number else 0)])
        if not number:
            return data


def packet(first, body=b""):
    return bytes([first]) + length(len(body)) + body


def connect(client_id="", clean=True, keep_alive=0, will=None, user=None, password=None,
            protocol="MQTT", level=4, flags=0):
    """`will` is (topic, payload, qos, retain); `flags` are set on top of what belongs."""
    flags |= 2 if clean else 0
    rest = text(client_id)
    if will:
        flags |= 4 | will[2] << 3 | (32 if will[3] else 0)
        rest += text(will[0]) + text(will[1])
    if user is not None:
        flags |= 128
        rest += text(user)
    if password is not None:
        flags |= 64
        rest += text(password)
    return packet(16, text(protocol) + struct.pack(">BBH", level, flags, keep_alive) + rest)


def publish(topic, payload=b"", qos=0, id=0, retain=False, duplicate=False):
    data = payload if isinstance(payload, bytes) else payload.encode()
    first = 48 | (8 if duplicate else 0) | qos << 1 | (1 if retain else 0)
    return packet(first, text(topic) + (struct.pack(">H", id) if qos else b"") + data)


def subscribe(id, *filters):
    return packet(130, struct.pack(">H", id) + b"".join(text(f) + bytes([q]) for f, q in filters))


def unsubscribe(id, *filters):
    return packet(162, struct.pack(">H", id) + b"".join(text(f) for f in filters))


def acknowledgement(type, id):
    return packet(type << 4 | (2 if type == PUBREL else 0), struct.pack(">H", id))


PINGREQ_BYTES = packet(PINGREQ << 4)
DISCONNECT_BYTES = packet(DISCONNECT << 4)


class Message:
    """A PUBLISH that came in."""

    def __init__(self, first, body):
        self.qos = first >> 1 & 3
        self.retain = bool(first & 1)
        self.duplicate = bool(first & 8)
        size = struct.unpack(">H", body[:2])[0]
        self.topic = body[2 : 2 + size].decode()
        self.id = struct.unpack(">H", body[2 + size : 4 + size])[0] if self.qos else 0
        self.payload = body[size + (4 if self.qos else 2) :]

    def __repr__(self):
        return "%s qos %d%s%s: %r" % (self.topic, self.qos, " retained" if self.retain else "",
                                      " again" if self.duplicate else "", self.payload[:40])


# ---- a client --------------------------------------------------------------------------------


class Client:
    """A connection that does nothing by itself."""

    def __init__(self, port, patience=PATIENCE):
        self.socket = socket.create_connection(("127.0.0.1", port), patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def take(self, size, until):
        while len(self.received) < size:
            self.socket.settimeout(max(until - time.monotonic(), 0.001))
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the broker closed the connection")
            self.received += data
        data, self.received = self.received[:size], self.received[size:]
        return data

    def read(self, within=PATIENCE):
        """The next packet as (type, first byte, body); raises EOFError or socket.timeout."""
        until = time.monotonic() + within
        first = self.take(1, until)[0]
        size = shift = 0
        while True:
            byte = self.take(1, until)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        return first >> 4, first, self.take(size, until)

    def expect(self, type, body=None, within=PATIENCE):
        got, first, content = self.read(within)
        check(got == type and (body is None or content == body),
              "expected packet type %d %r, got %d %r" % (type, body, got, content))
        return content

    def connect(self, *arguments, **options):
        """Connects, and returns whether a session was present."""
        self.send(connect(*arguments, **options))
        content = self.expect(CONNACK)
        check(content[1] == 0, "CONNACK refuses with %d" % content[1])
        return bool(content[0])

    def subscribe(self, *filters, id=1):
        self.send(subscribe(id, *filters))
        content = self.expect(SUBACK)
        check(content[:2] == struct.pack(">H", id), "SUBACK has another id")
        return list(content[2:])

    def message(self, within=PATIENCE, acknowledge=True):
        """The next PUBLISH; whatever handshake it asks for is done."""
        type, first, body = self.read(within)
        check(type == PUBLISH, "expected PUBLISH, got packet type %d" % type)
        message = Message(first, body)
        if acknowledge and message.qos == 1:
            self.send(acknowledgement(PUBACK, message.id))
        elif acknowledge and message.qos == 2:
            self.send(acknowledgement(PUBREC, message.id))
            self.expect(PUBREL, struct.pack(">H", message.id))
            self.send(acknowledgement(PUBCOMP, message.id))
        return message

    def publish(self, topic, payload=b"", qos=0, id=1, **options):
        """Publishes, and waits for the acknowledgement."""
        self.send(publish(topic, payload, qos, id, **options))
        if qos == 1:
            self.expect(PUBACK, struct.pack(">H", id))
        elif qos == 2:
            self.expect(PUBREC, struct.pack(">H", id))
            self.send(acknowledgement(PUBREL, id))
            self.expect(PUBCOMP, struct.pack(">H", id))

    def ping(self):
        """Returns once the broker has taken all that was sent before."""
        self.send(PINGREQ_BYTES)
        self.expect(PINGRESP, b"")

    def expect_nothing(self):
        """Nothing came up to now: the answer to a ping is the very next packet."""
        self.ping()

    def expect_end(self, within=PATIENCE):
        """The broker closes. Returns what came before that."""
        until = time.monotonic() + within
        data = self.received
        self.received = b""
        try:
            while True:
                self.socket.settimeout(max(until - time.monotonic(), 0.001))
                more = self.socket.recv(65536)
                if not more:
                    break
                data += more
        except (ConnectionResetError, BrokenPipeError):
            pass
        except socket.timeout:
            raise Failure("still open after %.1f s, having said %r" % (within, data[:40]))
        finally:
            self.close()
        return data


# ---- a broker --------------------------------------------------------------------------------


class Broker:
    def __init__(self, options, *arguments):
        self.is_mosquitto = options.mosquitto
        self.log = tempfile.NamedTemporaryFile(prefix="broker-", suffix=".log")
        self.folder = tempfile.TemporaryDirectory(prefix="broker-")
        if options.mosquitto:
            self.start_mosquitto()
        else:
            self.start(shlex.split(options.broker) + ["--port", "0"] + list(arguments))
        atexit.register(self.process.kill)  # does nothing once it has ended

    def start(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        for line in self.process.stdout:
            found = re.match(r"listening on 127\.0\.0\.1:(\d+)$", line)
            if found:
                break
        else:
            raise SystemExit("the broker does not listen: " + " ".join(command))
        timer.cancel()
        self.port = int(found.group(1))
        # Whatever else it prints must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def start_mosquitto(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = os.path.join(self.folder.name, "mosquitto.conf")
        with open(config, "w") as file:
            file.write("listener %d 127.0.0.1\nallow_anonymous true\nmessage_size_limit 1048000\n"
                       "allow_duplicate_messages false\nmax_queued_messages 5000\n" % self.port)
        program = next((p for p in ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")
                        if os.path.exists(p)), "mosquitto")
        self.process = subprocess.Popen([program, "-c", config], stdout=self.log, stderr=self.log)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                check(time.monotonic() < until, "mosquitto does not start")
                time.sleep(0.02)

    def client(self):
        return Client(self.port)

    def connected(self, *arguments, **options):
        client = self.client()
        client.connect(*arguments, **options)
        return client

    def log_lines(self):
        with open(self.log.name, "rb") as file:
            return file.read().splitlines()

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        """Returns the exit status after SIGTERM; None if it took longer than 5 s."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


# ---- running ---------------------------------------------------------------------------------


def options_of(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("programs", nargs="?", default="build/release/bin",
                        help="the folder of our programs")
    parser.add_argument("--broker", metavar="COMMAND", help="instead of PROGRAMS/broker")
    parser.add_argument("--mosquitto", action="store_true", help="test Debian's mosquitto instead")
    parser.add_argument("--only", metavar="TEXT", default="", help="tests whose name has it")
    options = parser.parse_args()
    options.broker = options.broker or shlex.quote(os.path.join(options.programs, "broker"))
    return options


class Count:
    def __init__(self, options):
        self.only = options.only
        self.mosquitto = options.mosquitto
        self.passed = self.failed = self.skipped = 0

    def run(self, name, function, *arguments, not_mosquitto=None):
        """Runs one test. `not_mosquitto` says in which way mosquitto is known to differ."""
        if self.only not in name:
            return
        if self.mosquitto and not_mosquitto:
            self.skipped += 1
            print("skipped  %s: mosquitto %s" % (name, not_mosquitto), flush=True)
            return
        try:
            function(*arguments)
        except Exception as problem:
            self.failed += 1
            kind = "" if isinstance(problem, Failure) else type(problem).__name__ + ": "
            line = traceback.extract_tb(problem.__traceback__)[1:2]
            where = " (line %d)" % line[0].lineno if line else ""
            print("FAILED   %s: %s%s%s" % (name, kind, problem, where), flush=True)
        else:
            self.passed += 1
            print("passed   %s" % name, flush=True)

    def end(self, broker):
        def ends_in_order():
            check(broker.is_alive(), "the broker died by itself: %s" % broker.process.returncode)
            status = broker.stop()
            check(status is not None, "no end within 5 s of SIGTERM")
            check(status == 0, "exit status %d" % status)

        self.run("the broker outlives it all and ends in order", ends_in_order)
        if self.failed:
            print("the broker's last words:")
            for line in broker.log_lines()[-20:]:
                print("  " + line.decode(errors="replace"))
        print("%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped))
        sys.exit(1 if self.failed else 0)
