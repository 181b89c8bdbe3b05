#!/usr/bin/env python3
"""Clients whose connections are torn at any point, or taken over by their own next ones: what was
acknowledged arrives, at QoS 1 at least once, at QoS 2 exactly once, and in order.

Usage: torn.py [PROGRAMS] [--broker COMMAND | --mosquitto]; see support/broker_test.py.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from broker_test import *

COUNT = 400
WINDOW = 12


class Torn:
    """A client with a session, whose connection ends again and again."""

    def __init__(self, broker, name, seed):
        self.broker = broker
        self.name = name
        self.dice = random.Random(seed)
        self.client = None
        self.left = []  # connections that wait to be taken over

    def connect(self):
        while True:
            try:
                self.client = self.broker.client()
                self.client.connect(self.name, clean=False)
                break
            except (EOFError, OSError):
                pass
        for old in self.left:
            old.expect_end()
        self.left = []

    def tear(self):
        """Ends the connection in one of the ways in which they end."""
        how = self.dice.randrange(4)
        if how == 0:
            self.client.reset()
        elif how == 1:
            self.client.close()
        elif how == 2:
            self.client.socket.sendall(b"\x30\x7f\0\1")  # amid a packet
            self.client.close()
        else:
            self.left.append(self.client)


class Publisher(Torn):
    """Publishes numbers, each until it is acknowledged."""

    def __init__(self, broker, topic, qos, seed):
        super().__init__(broker, "publisher of " + topic, seed)
        self.topic, self.qos = topic, qos
        self.open = {}  # packet id -> (number, was released)
        self.next = 0

    def send(self, id, number, duplicate=False):
        self.client.send(publish(self.topic, b"%d" % number, self.qos, id, duplicate=duplicate))

    def resume(self):
        self.connect()
        for id, (number, released) in self.open.items():
            if released:
                self.client.send(acknowledgement(PUBREL, id))
            else:
                self.send(id, number, True)

    def take(self):
        type, _, body = self.client.read()
        id = struct.unpack(">H", body)[0]
        if type == PUBREC:
            self.open[id] = (self.open[id][0], True)
            self.client.send(acknowledgement(PUBREL, id))
        else:
            check(type == (PUBACK if self.qos == 1 else PUBCOMP), "packet type %d came" % type)
            del self.open[id]

    def run(self):
        self.resume()
        while self.next < COUNT or self.open:
            try:
                if self.next < COUNT and len(self.open) < WINDOW:
                    id = self.next % 1000 + 1
                    self.open[id] = (self.next, False)
                    self.next += 1
                    self.send(id, self.next - 1)
                else:
                    self.take()
                if self.dice.randrange(60) == 0:
                    self.tear()
                    self.resume()
            except (EOFError, ConnectionResetError, BrokenPipeError):
                self.resume()


class Subscriber(Torn):
    """Notes what it receives, as far as the QoS allows it to see it twice."""

    def __init__(self, broker, topic, qos, seed):
        super().__init__(broker, "subscriber of " + topic, seed)
        self.topic, self.qos = topic, qos
        self.seen = []
        self.unreleased = set()
        self.connect()
        self.client.subscribe((topic, qos))

    def take(self):
        type, first, body = self.client.read()
        if type == PUBLISH:
            message = Message(first, body)
            if self.qos == 1 or message.id not in self.unreleased:
                self.seen.append(int(message.payload))
            if self.qos == 1:
                self.client.send(acknowledgement(PUBACK, message.id))
            else:
                self.unreleased.add(message.id)
                self.client.send(acknowledgement(PUBREC, message.id))
        else:
            check(type == PUBREL, "packet type %d came" % type)
            id = struct.unpack(">H", body)[0]
            self.unreleased.discard(id)
            self.client.send(acknowledgement(PUBCOMP, id))

    def run(self):
        until = time.monotonic() + 60
        while (COUNT - 1 not in self.seen[-1:] or self.unreleased) and time.monotonic() < until:
            try:
                self.take()
                if self.dice.randrange(60) == 0:
                    self.tear()
                    self.connect()
            except (EOFError, ConnectionResetError, BrokenPipeError):
                self.connect()


def check_seen(subscriber):
    once = list(dict.fromkeys(subscriber.seen))
    twice = len(subscriber.seen) - len(once)
    check(once == list(range(COUNT)), "lost or disordered: %r" %
          [n for n, m in zip(range(COUNT), once) if n != m][:10])
    check(subscriber.qos == 1 or not twice, "%d came twice" % twice)


def torn(broker, qos, seed):
    topic = "torn/%d/%d" % (qos, seed)
    subscriber = Subscriber(broker, topic, qos, seed)
    publisher = Publisher(broker, topic, qos, seed + 1000)
    problems = []

    def publish_all():
        try:
            publisher.run()
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=publish_all, daemon=True)
    thread.start()
    subscriber.run()
    thread.join(60)
    check(not problems and not thread.is_alive(), "the publisher: %r" % problems)

    check_seen(subscriber)
    for name in (subscriber.name, publisher.name):
        broker.connected(name).close()


def away(broker):
    """The subscriber is away until all is published."""
    for qos in (1, 2):
        topic = "away/%d" % qos
        subscriber = Subscriber(broker, topic, qos, 1)
        subscriber.client.reset()
        Publisher(broker, topic, qos, 7).run()
        subscriber.connect()
        subscriber.run()
        check_seen(subscriber)
        broker.connected(subscriber.name).close()


def main():
    options = options_of("Clients whose connections are torn.")
    broker = Broker(options)
    count = Count(options)

    for qos in (1, 2):
        for seed in range(4):
            count.run("QoS %d, torn at will, seed %d" % (qos, seed), torn, broker, qos, seed)
    count.run("messages for who is away", away, broker)
    count.end(broker)


main()
