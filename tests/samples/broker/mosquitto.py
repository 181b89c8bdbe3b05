#!/usr/bin/env python3
"""The broker as real clients see it: mosquitto_pub and mosquitto_sub, and a client of our own where
those hide too much (session present, redelivery, takeover).

Usage: mosquitto.py [PROGRAMS] [--broker COMMAND | --mosquitto]; see support/broker_test.py.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
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


# ---- messages --------------------------------------------------------------------------------


def each_qos(broker):
    """What arrives has the lower of the two: published and subscribed."""
    for subscribed in range(3):
        subscriber = Subscriber(broker, "-t", "qos/#", "-q", str(subscribed))
        for published in range(3):
            pub(broker, "qos/%d" % published, "hello", "-q", str(published))
        got = sorted(subscriber.messages(3))  # topics may overtake each other
        check(got == [("qos/%d" % published, min(published, subscribed), 0, "hello")
                      for published in range(3)], "got %r" % got)
        subscriber.stop()


def large(broker):
    """100 kB through each QoS."""
    payload = random.Random(5).randbytes(50000).hex()
    subscriber = Subscriber(broker, "-t", "large", "-q", "2")
    for qos in range(3):
        pub(broker, "large", None, "-s", "-q", str(qos), data=payload.encode())
    subscriber.expect(*[("large", qos, 0, payload) for qos in range(3)])
    subscriber.stop()


def order(broker):
    """A thousand lines from one publisher come in order, each once."""
    lines = ["line %d" % i for i in range(1000)]
    for qos in range(3):
        subscriber = Subscriber(broker, "-t", "order", "-q", "2")
        pub(broker, "order", None, "-l", "-q", str(qos), data="\n".join(lines).encode() + b"\n")
        pub(broker, "order", "end", "-q", str(qos))
        got = [payload for _, _, _, payload in subscriber.messages(1001)]
        check(got == lines + ["end"], "QoS %d: other lines, or in another order" % qos)
        subscriber.stop()


def empty_payload(broker):
    subscriber = Subscriber(broker, "-t", "empty")
    pub(broker, "empty", None, "-n")
    subscriber.expect(("empty", 0, 0, ""))
    subscriber.stop()


def many_subscribers(broker):
    subscribers = [broker.connected() for _ in range(200)]
    for subscriber in subscribers:
        check(subscriber.subscribe(("many", 1)) == [1], "not granted")
    pub(broker, "many", "hello all", "-q", "1")
    for subscriber in subscribers:
        check(subscriber.message().payload == b"hello all", "another message")
        subscriber.close()


# ---- topics ----------------------------------------------------------------------------------

TOPICS = ["w/a", "w/b", "w/a/x", "w/b/x", "w", "w/", "w/a/x/y", "W/a", "/w/a", "w//x"]
FILTERS = {
    "w/#": ["w/a", "w/b", "w/a/x", "w/b/x", "w", "w/", "w/a/x/y", "w//x"],
    "w/+": ["w/a", "w/b", "w/"],
    "w/+/x": ["w/a/x", "w/b/x", "w//x"],
    "+/a": ["w/a", "W/a"],
    "+/a/#": ["w/a", "w/a/x", "w/a/x/y", "W/a"],
    "+/+/a": ["/w/a"],
    "/+/+": ["/w/a"],
    "w": ["w"],
    "w/": ["w/"],
    "w/a": ["w/a"],
    "w/a/#": ["w/a", "w/a/x", "w/a/x/y"],
    "+/#": TOPICS,
}


def wildcards(broker):
    publisher = broker.connected()
    for filter, wanted in FILTERS.items():
        subscriber = Subscriber(broker, "-t", filter, "-t", "end/of/the/test")
        for topic in TOPICS:
            publisher.publish(topic, "x", qos=1)
        publisher.publish("end/of/the/test", "x", qos=1)
        wanted = wanted + ["end/of/the/test"]
        got = [topic for topic, _, _, _ in subscriber.messages(len(wanted))]
        check(got == wanted, "%s: got %r" % (filter, got))
        subscriber.stop()
    publisher.close()


def dollar_topics(broker):
    """Topics that start with $ are not for wildcards in the first level."""
    all_levels = Subscriber(broker, "-t", "#")
    one_level = Subscriber(broker, "-t", "+/load")
    by_name = Subscriber(broker, "-t", "$here/#")
    pub(broker, "$here/load", "1")
    pub(broker, "here/load", "2")
    by_name.expect(("$here/load", 0, 0, "1"))
    one_level.expect(("here/load", 0, 0, "2"))
    all_levels.expect(("here/load", 0, 0, "2"))
    for subscriber in (all_levels, one_level, by_name):
        subscriber.stop()


def overlapping(broker):
    """Several filters that match give one message, at the highest QoS."""
    subscriber = broker.connected()
    granted = subscriber.subscribe(("over/#", 0), ("over/lap", 2), ("+/lap", 1))
    check(granted == [0, 2, 1], "granted %r" % granted)
    pub(broker, "over/lap", "once", "-q", "2")
    message = subscriber.message()
    check(message.qos == 2 and message.payload == b"once", "got %r" % message)
    subscriber.expect_nothing()
    subscriber.close()


def unsubscribing(broker):
    subscriber = broker.connected()
    subscriber.subscribe(("un/+", 1), ("un/b", 1))
    subscriber.send(unsubscribe(9, "un/+", "never/subscribed"))
    subscriber.expect(UNSUBACK, b"\0\x09")
    publisher = broker.connected()
    publisher.publish("un/a", "x", qos=1)
    publisher.publish("un/b", "y", qos=1)
    check(subscriber.message().payload == b"y", "still subscribed")
    subscriber.expect_nothing()
    subscriber.close()
    publisher.close()


def subscribing_again(broker):
    """The same filter again: the new QoS holds, and there is still one delivery."""
    subscriber = broker.connected()
    subscriber.subscribe(("twice", 0))
    subscriber.subscribe(("twice", 1), id=2)
    pub(broker, "twice", "x", "-q", "1")
    check(subscriber.message().qos == 1, "the old QoS")
    subscriber.expect_nothing()
    subscriber.close()


# ---- retained messages -----------------------------------------------------------------------


def retained(broker):
    live = Subscriber(broker, "-t", "kept/#", "-q", "1")
    pub(broker, "kept/a", "old", "-r", "-q", "1")
    pub(broker, "kept/a", "new", "-r", "-q", "1")
    pub(broker, "kept/b", "other", "-r", "-q", "1")
    pub(broker, "kept/a", "passing", "-q", "1")
    live.expect(("kept/a", 1, 0, "old"), ("kept/a", 1, 0, "new"), ("kept/b", 1, 0, "other"),
                ("kept/a", 1, 0, "passing"))

    for filter, count in (("kept/a", 1), ("kept/+", 2), ("#", 2), ("+/a", 1)):
        late = Subscriber(broker, "-t", filter, "-q", "2")
        wanted = [("kept/a", 1, 1, "new"), ("kept/b", 1, 1, "other")][:count]
        got = sorted(late.messages(count))
        check(got == wanted, "%s: got %r" % (filter, got))
        late.stop()

    pub(broker, "kept/a", None, "-r", "-n", "-q", "1")  # an empty one forgets the topic
    pub(broker, "kept/b", None, "-r", "-n", "-q", "1")
    late = broker.connected()
    late.subscribe(("kept/#", 1))
    late.expect_nothing()
    late.close()
    live.stop()


def retained_again(broker):
    """Each SUBSCRIBE brings the retained message again."""
    pub(broker, "again", "kept", "-r", "-q", "1")
    client = broker.connected()
    for id in (1, 2):
        client.send(subscribe(id, ("again", 0)))
        got = {client.read()[0], client.read()[0]}
        check(got == {SUBACK, PUBLISH}, "got packets of types %r" % got)
    client.close()
    pub(broker, "again", None, "-r", "-n")


# ---- wills -----------------------------------------------------------------------------------


def with_will(broker, *arguments):
    return Subscriber(broker, "-t", "unused", "--will-topic", "will/t", "--will-payload", "gone",
                      "--will-qos", "1", *arguments)


def will(broker):
    watcher = Subscriber(broker, "-t", "will/#", "-q", "2")
    with_will(broker).stop()  # in order: no will
    with_will(broker).kill()
    pub(broker, "will/end", "end", "-q", "2")
    got = sorted(watcher.messages(2))
    check(got == [("will/end", 2, 0, "end"), ("will/t", 1, 0, "gone")], "got %r" % got)
    watcher.stop()


def retained_will(broker):
    watcher = Subscriber(broker, "-t", "will/#", "-q", "2")
    with_will(broker, "--will-retain").kill()
    watcher.expect(("will/t", 1, 0, "gone"))
    late = Subscriber(broker, "-t", "will/#", "-q", "2")
    late.expect(("will/t", 1, 1, "gone"))
    watcher.stop()
    late.stop()
    pub(broker, "will/t", None, "-r", "-n")


def will_after_fault(broker):
    """A malformed packet is no DISCONNECT."""
    watcher = Subscriber(broker, "-t", "will/#", "-q", "2")
    client = broker.connected("faulty", will=("will/fault", "gone", 2, False))
    client.send(publish("a/#")).expect_end()
    watcher.expect(("will/fault", 2, 0, "gone"))
    watcher.stop()


def will_after_silence(broker):
    watcher = Subscriber(broker, "-t", "will/#", "-q", "2")
    client = broker.connected("quiet", keep_alive=1, will=("will/quiet", "gone", 0, False))
    watcher.expect(("will/quiet", 0, 0, "gone"))
    client.expect_end()
    watcher.stop()


# ---- sessions --------------------------------------------------------------------------------


def offline(broker):
    """mosquitto_sub goes away; what it subscribed to is kept for it."""
    arguments = ("-c", "-i", "offline", "-t", "off/#", "-q", "2")
    Subscriber(broker, *arguments).stop()
    for i in range(20):
        pub(broker, "off/%d" % i, "kept", "-q", str(1 + i % 2))
    subscriber = Subscriber(broker, *arguments)
    # mosquitto_sub shows a QoS 2 message at its PUBREL, so the two kinds overtake each other.
    got = subscriber.messages(20)
    for qos in (1, 2):
        wanted = [("off/%d" % i, qos, 0, "kept") for i in range(qos - 1, 20, 2)]
        check([message for message in got if message[1] == qos] == wanted, "got %r" % got)
    subscriber.stop()

    # A clean session forgets it.
    Subscriber(broker, "-i", "offline", "-t", "x").stop()
    client = broker.client()
    check(not client.connect("offline", clean=False), "the session should be gone")
    client.expect_nothing()
    client.send(DISCONNECT_BYTES).expect_end()
    broker.connected("offline").close()


def session_present(broker):
    client = broker.client()
    check(not client.connect("present", clean=False), "there was none yet")
    client.subscribe(("present", 1))
    client.send(DISCONNECT_BYTES).expect_end()

    client = broker.client()
    check(client.connect("present", clean=False), "the session is lost")
    pub(broker, "present", "x", "-q", "1")
    check(client.message().payload == b"x", "the subscription is lost")
    client.close()  # without a DISCONNECT

    client = broker.client()
    check(client.connect("present", clean=False), "the session is lost with the connection")
    client.send(DISCONNECT_BYTES).expect_end()
    check(not broker.client().connect("present", clean=True), "a clean one has nothing present")
    check(not broker.client().connect("present", clean=False), "it was kept through a clean one")
    broker.connected("present").close()


def redelivery(broker):
    """What was not acknowledged comes again, with DUP and its old id, before what is new."""
    watcher = broker.connected()
    watcher.subscribe(("lost", 0))
    client = broker.client()
    client.connect("again", clean=False, will=("lost", "", 0, False))
    client.subscribe(("redo/#", 2))
    publisher = broker.connected()
    publisher.publish("redo/1", "one", qos=1)
    publisher.publish("redo/2", "two", qos=2)
    first, second = client.message(acknowledge=False), client.message(acknowledge=False)
    client.reset()
    watcher.message()  # until then the third may go to the connection that is lost
    publisher.publish("redo/3", "three", qos=1)

    client = broker.client()
    check(client.connect("again", clean=False), "the session is lost")
    again = [client.message(acknowledge=False) for _ in range(3)]
    check([m.payload for m in again] == [b"one", b"two", b"three"], "got %r" % again)
    check([m.duplicate for m in again] == [True, True, False], "DUP: got %r" % again)
    check([m.id for m in again[:2]] == [first.id, second.id], "other packet ids")

    # From PUBREC on a QoS 2 message is not sent again; its PUBREL is.
    client.send(acknowledgement(PUBACK, again[0].id))
    client.send(acknowledgement(PUBREC, again[1].id))
    client.expect(PUBREL, struct.pack(">H", again[1].id))
    client.reset()
    client = broker.client()
    check(client.connect("again", clean=False), "the session is lost")
    packets = [client.read(), client.read()]
    check(sorted(type for type, _, _ in packets) == [PUBLISH, PUBREL], "got %r" % packets)
    released = next(body for type, _, body in packets if type == PUBREL)
    check(released == struct.pack(">H", second.id), "PUBREL of another id")
    client.send(acknowledgement(PUBCOMP, second.id))
    client.send(acknowledgement(PUBACK, again[2].id))
    client.ping()
    client.reset()

    client = broker.client()
    check(client.connect("again", clean=False), "the session is lost")
    client.expect_nothing()
    client.close()
    publisher.close()
    broker.connected("again").close()


def once_only(broker):
    """A QoS 2 message that its publisher sends twice, over two connections, is passed on once."""
    subscriber = broker.connected()
    subscriber.subscribe(("once", 0))
    publisher = broker.client()
    publisher.connect("once", clean=False)
    publisher.send(publish("once", "x", qos=2, id=5)).expect(PUBREC, b"\0\5")
    publisher.send(publish("once", "x", qos=2, id=5, duplicate=True)).expect(PUBREC, b"\0\5")
    publisher.reset()
    publisher = broker.client()
    check(publisher.connect("once", clean=False), "the session is lost")
    publisher.send(publish("once", "x", qos=2, id=5, duplicate=True)).expect(PUBREC, b"\0\5")
    publisher.send(acknowledgement(PUBREL, 5)).expect(PUBCOMP, b"\0\5")
    publisher.publish("once", "y", qos=2, id=5)  # the id is free again
    got = [subscriber.message().payload for _ in range(2)]
    check(got == [b"x", b"y"], "got %r" % got)
    subscriber.expect_nothing()
    for client in (subscriber, publisher):
        client.close()
    broker.connected("once").close()


def takeover(broker):
    """The newer connection of a client id wins, and has the session."""
    old = broker.client()
    old.connect("taken", clean=False)
    old.subscribe(("take/#", 1))
    new = broker.client()
    check(new.connect("taken", clean=False), "the session is lost")
    old.expect_end()
    pub(broker, "take/x", "to the new one", "-q", "1")
    check(new.message().payload == b"to the new one", "another message")
    new.close()
    broker.connected("taken").close()


def will_at_takeover(broker):
    """The older connection ends without a DISCONNECT."""
    watcher = Subscriber(broker, "-t", "taken", "-q", "1")
    old = broker.connected("taken", will=("taken", "gone", 1, False))
    new = broker.connected("taken")
    old.expect_end()
    watcher.expect(("taken", 1, 0, "gone"))
    new.close()
    watcher.stop()


def fight(broker):
    """Many connections of one client id, one after the other: the last one stands."""
    clients = [broker.connected("fight") for _ in range(50)]
    for client in clients[:-1]:
        client.expect_end()
    clients[-1].ping()
    clients[-1].close()


def empty_client_id(broker):
    """A client without a name gets one of its own, if it leaves nothing behind."""
    first, second = broker.connected(""), broker.connected("")
    first.ping()
    second.ping()
    refused = broker.client().send(connect("", clean=False)).expect_end()
    check(refused == b"\x20\2\0\2", "got %r" % refused)
    first.ping()
    first.close()
    second.close()


def name_and_password(broker):
    subscriber = Subscriber(broker, "-t", "named", "-u", "ann", "-P", "secret")
    pub(broker, "named", "x", "-u", "bob")
    subscriber.expect(("named", 0, 0, "x"))
    subscriber.stop()


# ---- keep-alive ------------------------------------------------------------------------------


def keep_alive(broker):
    """One and a half times the keep-alive without a packet ends a connection, and not before."""
    limit = 10 if broker.is_mosquitto else 4  # mosquitto looks every few seconds
    start = time.monotonic()
    silent = broker.connected(keep_alive=1)
    lively = broker.connected(keep_alive=1)
    unlimited = broker.connected(keep_alive=0)
    silent.socket.settimeout(0.4)
    while True:
        lively.ping()
        check(time.monotonic() < start + limit, "a silent client stays")
        try:
            check(silent.socket.recv(1) == b"", "it was sent something")
            break
        except socket.timeout:
            pass
        except ConnectionResetError:
            break
    check(time.monotonic() > start + 1.4, "closed after %.2f s" % (time.monotonic() - start))
    for _ in range(5):
        time.sleep(0.4)
        lively.ping()
    unlimited.ping()
    for client in (silent, lively, unlimited):
        client.close()


def main():
    options = options_of("The broker as real clients see it.")
    broker = Broker(options)
    count = Count(options)

    for test in (each_qos, large, order, empty_payload, many_subscribers, wildcards, dollar_topics,
                 overlapping, unsubscribing, subscribing_again, retained, retained_again, will,
                 retained_will, will_after_fault, will_after_silence, offline, session_present,
                 redelivery, once_only, takeover, fight, empty_client_id, name_and_password,
                 keep_alive):
        count.run(test.__name__.replace("_", " "), test, broker)
    count.run("will at takeover", will_at_takeover, broker, not_mosquitto="sends none")
    count.end(broker)


main()
