#!/usr/bin/env python3
"""The broker as real clients see it: mosquitto_pub and mosquitto_sub, and a client of our own where
those hide too much.

Usage: mosquitto.py [PROGRAMS] [--broker COMMAND | --mosquitto]; see support/broker_test.py.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from mosquitto_clients import *


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


# ---- clients ---------------------------------------------------------------------------------


def name_and_password(broker):
    subscriber = Subscriber(broker, "-t", "named", "-u", "ann", "-P", "secret")
    pub(broker, "named", "x", "-u", "bob")
    subscriber.expect(("named", 0, 0, "x"))
    subscriber.stop()


# ---- keep-alive ------------------------------------------------------------------------------


def keep_alive(broker):
    """One and a half times the keep-alive without a packet ends a connection, and not before."""
    start = time.monotonic()
    silent = broker.connected(keep_alive=1)
    lively = broker.connected(keep_alive=1)
    unlimited = broker.connected(keep_alive=0)
    silent.socket.settimeout(0.4)
    while True:
        lively.ping()
        check(time.monotonic() < start + PATIENCE, "a silent client stays")
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
                 retained_will, will_after_fault, will_after_silence, name_and_password, keep_alive):
        count.run(test.__name__.replace("_", " "), test, broker)
    count.end(broker)


main()
