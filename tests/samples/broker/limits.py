#!/usr/bin/env python3
"""The broker at its limits, made small by its options: queues, slow clients, sessions, retained
messages, refused filters.

Usage: limits.py [PROGRAMS] [--broker COMMAND]; see support/broker_test.py.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from broker_test import *

LIMITS = ["--queue-messages", "500", "--queue-bytes", "4000000", "--sessions", "5",
          "--session-seconds", "1", "--retained", "10", "--refuse-filter", "secret/#",
          "--refuse-filter", "plain", "--in-flight", "10", "--topic-bytes", "50",
          "--packet-bytes", "300000"]


def flood(publisher, topic, count, size=10000, qos=1, reader=None):
    """Publishes numbers, padded, ten at a time; the reader must see them at once."""
    for start in range(0, count, 10):
        numbers = range(start, min(start + 10, count))
        for number in numbers:
            publisher.send(publish(topic, (b"%d " % number).ljust(size, b"x"), qos, number + 1))
        for number in numbers if qos else ():
            publisher.expect(PUBACK, struct.pack(">H", number + 1))
        if reader:
            got = [number_of(reader.message()) for _ in numbers]
            check(got == list(numbers), "got %r" % got)


def number_of(message):
    return int(message.payload.split()[0])


def numbers_until_end(client):
    """The numbers of all messages that still come before the connection ends."""
    numbers = []
    try:
        while True:
            type, first, body = client.read()
            check(type == PUBLISH, "packet type %d" % type)
            numbers.append(number_of(Message(first, body)))
    except (EOFError, ConnectionResetError):
        return numbers


def slow_at_qos_1(broker):
    """Who reads nothing is ended when too much waits for it; all that came is in order."""
    slow, fast, publisher = broker.connected(), broker.connected(), broker.connected()
    slow.subscribe(("slow/1", 1))
    fast.subscribe(("slow/1", 0))
    flood(publisher, "slow/1", 1000, reader=fast)
    got = numbers_until_end(slow)
    check(got == list(range(len(got))) and len(got) < 1000, "got %r" % got)
    check(any(b"takes too little" in line for line in broker.log_lines()), "it is not logged")
    for client in (fast, publisher):
        client.ping()
        client.close()


def slow_at_qos_0(broker):
    """At QoS 0 the newest are lost, the connection stays, and later ones arrive again."""
    slow, fast, publisher = broker.connected(), broker.connected(), broker.connected()
    slow.subscribe(("slow/0", 0))
    fast.subscribe(("slow/0", 0))
    flood(publisher, "slow/0", 3000, qos=0, reader=fast)
    publisher.publish("slow/0", b"3000 ", qos=1)

    last, got = -1, 0
    while last < 3000:
        try:
            number = number_of(slow.message(within=1))
        except socket.timeout:
            publisher.publish("slow/0", b"3000 ", qos=1)
            continue
        check(number > last, "%d after %d" % (number, last))
        last, got = number, got + 1
    check(400 < got < 3000, "%d came" % got)
    for client in (slow, fast, publisher):
        client.close()


def window(broker):
    """Only so many go out without an acknowledgement, the next when the first is acknowledged."""
    client, publisher = broker.connected(), broker.connected()
    client.subscribe(("window", 1))
    flood(publisher, "window", 30, 100)
    first = [client.message(acknowledge=False) for _ in range(10)]
    client.expect_nothing()
    for message in first:
        client.send(acknowledgement(PUBACK, message.id))
    rest = [client.message() for _ in range(20)]
    check([number_of(m) for m in first + rest] == list(range(30)), "got %r" % (first + rest))
    client.close()
    publisher.close()


def full_while_away(broker):
    """What is too much for a client that is away is lost; what was there before is not."""
    client, publisher = broker.client(), broker.connected()
    client.connect("away", clean=False)
    client.subscribe(("away", 1))
    client.send(DISCONNECT_BYTES).expect_end()
    flood(publisher, "away", 600, 100)
    check(any(b"client 'away', which is away: has too much waiting" in line
              for line in broker.log_lines()), "it is not logged")
    client = broker.client()
    check(client.connect("away", clean=False), "the session is lost")
    check([number_of(client.message()) for _ in range(500)] == list(range(500)), "not in order")
    client.expect_nothing()
    flood(publisher, "away", 10, 100)
    check([number_of(client.message()) for _ in range(10)] == list(range(10)), "not in order")
    client.close()
    publisher.close()
    broker.connected("away").close()


def sessions(broker):
    """Sessions to keep are so many, and kept for so long; those that are not kept do not count."""
    kept = []
    for number in range(5):
        kept.append(broker.client())
        kept[-1].connect("kept %d" % number, clean=False)
    refused = broker.client().send(connect("kept 5", clean=False)).expect_end()
    check(refused == b"\x20\2\0\3", "got %r" % refused)
    broker.connected("not kept").close()
    again = broker.client()
    check(again.connect("kept 0", clean=False), "it was there before")
    for client in kept[1:] + [again]:
        client.close()
    time.sleep(2)
    client = broker.client()
    check(not client.connect("kept 0", clean=False), "it should have been forgotten")
    client.close()
    broker.connected("kept 0").close()


def staying(broker):
    """A session is not forgotten while its client is there."""
    client = broker.client()
    client.connect("stays", clean=False)
    client.close()
    client = broker.client()
    check(client.connect("stays", clean=False), "the session is lost")
    time.sleep(1.5)
    client.ping()
    client.close()
    client = broker.client()
    check(client.connect("stays", clean=False), "it was forgotten")
    client.close()
    broker.connected("stays").close()


def retained(broker):
    """No more topics than so many, within what routers can know of each other."""
    publisher, reader = broker.connected(), broker.connected()
    for number in range(100):
        publisher.publish("kept/%d" % number, "x", qos=1, retain=True, id=number + 1)
    reader.send(subscribe(1, ("kept/+", 0), ("end", 0)))
    publisher.publish("end", "x", qos=1)
    count, types = 0, []
    until = time.monotonic() + PATIENCE
    while (count < 10 or types[-3:] != [PINGRESP] * 3) and time.monotonic() < until:
        reader.send(PINGREQ_BYTES)
        type, first, body = reader.read()
        types.append(type)
        count += type == PUBLISH and Message(first, body).retain
    check(10 <= count <= 60, "%d are retained" % count)
    publisher.publish("kept/0", "newer", qos=1, retain=True)  # one that is there may change
    for number in range(100):
        publisher.publish("kept/%d" % number, "", qos=1, retain=True, id=number + 1)
    publisher.publish("kept/new", "x", qos=1, retain=True)  # there is room again
    late = broker.connected()
    late.send(subscribe(1, ("kept/#", 0)))
    got = sorted([late.read()[0], late.read()[0]])
    check(got == sorted([SUBACK, PUBLISH]), "got packets of types %r" % got)
    publisher.publish("kept/new", "", qos=1, retain=True)
    for client in (publisher, reader, late):
        client.close()


def refused_filters(broker):
    client = broker.connected()
    granted = client.subscribe(("secret/#", 1), ("open", 2), ("plain", 0))
    check(granted == [0x80, 2, 0x80], "granted %r" % granted)
    check(client.subscribe(("secret/#", 2), id=2) == [0x80], "granted")
    client.publish("secret/x", "x", qos=1)
    client.expect_nothing()
    client.close()


def packet_size(broker):
    """Packets larger than others may wait behind them, and arrive whole."""
    payload = random.Random(2).randbytes(250000)
    client, publisher = broker.connected(), broker.connected()
    client.subscribe(("large", 1))
    for id in range(1, 9):
        publisher.send(publish("large", payload, 1, id))
    for _ in range(8):
        check(client.message().payload == payload, "another payload")
    client.close()
    publisher.close()


def early_packets(broker):
    """Packets sent before CONNACK are taken after it, in order."""
    client = broker.client()
    data = connect("early") + subscribe(1, ("early", 1))
    data += b"".join(publish("early", b"%d" % n, 1, n) for n in range(1, 200))
    client.send(data)
    client.expect(CONNACK)
    numbers, acknowledged = [], 0
    while len(numbers) < 199 or acknowledged < 199:
        type, first, body = client.read()
        acknowledged += type == PUBACK
        if type == PUBLISH:
            numbers.append(int(Message(first, body).payload))
            client.send(acknowledgement(PUBACK, Message(first, body).id))
    check(numbers == list(range(1, 200)), "got %r" % numbers)
    client.close()


def main():
    options = options_of("The broker at its limits.")
    count = Count(options)

    for workers in ("1", "2"):
        broker = Broker(options, "--workers", workers, *LIMITS)
        for test in (slow_at_qos_1, slow_at_qos_0, window, full_while_away, sessions, staying,
                     retained, refused_filters, packet_size, early_packets):
            count.run("%s, %s worker(s)" % (test.__name__.replace("_", " "), workers), test, broker)
        if workers == "1":
            check(broker.stop() == 0, "it does not end in order")
    count.end(broker)


main()
