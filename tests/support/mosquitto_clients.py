"""mosquitto_sub and mosquitto_pub, as the tests of a broker use them. Knows no test."""

from broker_test import *


class Subscriber:
    """A running mosquitto_sub, already subscribed."""

    def __init__(self, broker, *arguments, subscribed=True):
        # It prints to a pipe whenever its buffer is full, if nobody tells it otherwise.
        command = ["stdbuf", "-oL", "mosquitto_sub", "-V", "mqttv311", "-h", "127.0.0.1", "-p", str(broker.port),
                   "-d", "-F", "message %t %q %r %p"] + list(arguments)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self.collect, daemon=True).start()
        if subscribed:
            self.wait_for("Subscribed (")

    def collect(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append("ended")
            self.changed.notify_all()

    def wait_for(self, start, count=1):
        """Waits for so many lines with this start, and returns what follows in them."""
        def found():
            return [line[len(start):] for line in self.lines if line.startswith(start)]

        with self.changed:
            self.changed.wait_for(lambda: len(found()) >= count or "ended" in self.lines, PATIENCE)
            check(len(found()) >= count, "mosquitto_sub shows %d lines '%s...', not %d; it said %r"
                  % (len(found()), start, count, self.lines[-3:]))
            return found()

    def messages(self, count):
        """The first messages: (topic, QoS, retained, payload)."""
        split = [line.split(" ", 3) for line in self.wait_for("message ", count)]
        return [(topic, int(qos), int(retain), payload) for topic, qos, retain, payload in split]

    def expect(self, *wanted):
        got = self.messages(len(wanted))
        check(got == list(wanted), "got %r, wanted %r" % (got, list(wanted)))

    def stop(self):
        """Ends with a DISCONNECT, which mosquitto_sub sends from within its signal handler: one
        that is just answering a message may then wait for itself for ever."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)


def pub(broker, topic, payload=None, *arguments, data=None):
    message = ["-m", payload] if payload is not None else []
    done = subprocess.run(["mosquitto_pub", "-V", "mqttv311", "-h", "127.0.0.1", "-p",
                           str(broker.port), "-t", topic] + message + list(arguments),
                          input=data, timeout=30, capture_output=True)
    check(done.returncode == 0, "mosquitto_pub fails: %r" % done.stderr)
