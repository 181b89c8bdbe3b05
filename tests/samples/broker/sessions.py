#!/usr/bin/env python3
"""What a broker keeps of a client that goes and comes back: subscriptions, messages, packet ids; and
whose it is when two connections have one client id.

Usage: sessions.py [PROGRAMS] [--broker COMMAND | --mosquitto]; see support/broker_test.py.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from mosquitto_clients import *


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


def main():
    options = options_of("What a broker keeps of its clients.")
    broker = Broker(options)
    count = Count(options)

    for test in (offline, session_present, redelivery, once_only, takeover, fight, empty_client_id):
        count.run(test.__name__.replace("_", " "), test, broker)
    count.run("will at takeover", will_at_takeover, broker, not_mosquitto="sends none")
    count.end(broker)


main()
