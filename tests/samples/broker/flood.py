#!/usr/bin/env python3
"""Publishers that send as fast as they can: the broker's memory stays small, the others go on
being served, and nothing of what was sent is lost with the publisher's end.

Usage: flood.py [PROGRAMS] [--broker COMMAND]; see support/broker_test.py.
"""

import os
import select
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from broker_test import *

SUBSCRIBERS = 30
TOPICS = 5  # in turn, so that no two messages go together
ROUNDS = 20  # of the other client; each takes a hundredth of a second
MOST_MEMORY = 150  # MB; without bounds it takes that within two seconds


def memory(broker):
    """The most it ever had, in MB."""
    with open("/proc/%d/status" % broker.process.pid) as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) // 1024


def has_sanitizer(broker):
    """Its memory then says little: what is freed stays for a while."""
    with open("/proc/%d/maps" % broker.process.pid) as file:
        return re.search(r"lib[at]san", file.read()) is not None


class Crowd:
    """Those who read all that comes and do not look at it, and one who sends without an end."""

    def __init__(self, broker, qos):
        self.stops = False
        self.events = select.epoll()
        self.clients = {}
        for _ in range(SUBSCRIBERS):
            client = broker.connected()
            client.subscribe(("flood/#", 0))
            self.add(client)
        self.flooder = broker.connected()
        self.add(self.flooder)
        self.data = b"".join(publish("flood/%d" % (n % TOPICS), b"x" * 8, qos, n + 1)
                             for n in range(3000))
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.read, self.write)]
        for thread in self.threads:
            thread.start()

    def add(self, client):
        client.socket.settimeout(0.2)
        self.clients[client.socket.fileno()] = client
        self.events.register(client.socket, select.EPOLLIN)

    def read(self):
        buffer = bytearray(1 << 20)
        while not self.stops:
            for descriptor, _ in self.events.poll(0.1):
                self.clients[descriptor].socket.recv_into(buffer)

    def write(self):
        offset = 0
        while not self.stops:
            try:
                offset = (offset + self.flooder.socket.send(self.data[offset:])) % len(self.data)
            except socket.timeout:
                pass  # the broker does not read now

    def end(self):
        self.stops = True
        for thread in self.threads:
            thread.join(PATIENCE)
        for client in self.clients.values():
            client.reset()


def others_are_served(broker, qos):
    subscriber, publisher = broker.connected(), broker.connected()
    subscriber.subscribe(("other", 1))
    crowd = Crowd(broker, qos)
    for number in range(ROUNDS):
        payload = b"%d" % number
        publisher.publish("other", payload, qos=1)
        check(subscriber.message().payload == payload, "another message")
    most = memory(broker)
    crowd.end()
    check(has_sanitizer(broker) or most < MOST_MEMORY, "the broker took %d MB" % most)
    subscriber.close()
    publisher.close()


def all_is_taken(broker, qos):
    """Who goes right after it has sent much: all arrives, in order, and its will comes behind what
    it sent to the same topic."""
    count = 8000
    subscriber = broker.connected()
    subscriber.subscribe(("last/#", 0))
    for will in (None, ("last/0", "will", 0, False)):
        publisher = broker.connected("goes", keep_alive=60, will=will)
        data = b"".join(publish("last/%d" % (n % TOPICS), b"%d" % n, qos, n + 1)
                        for n in range(count))
        reader = threading.Thread(target=publisher.expect_end, daemon=True) if qos else None
        if reader:
            reader.start()
        publisher.send(data + (b"" if will else DISCONNECT_BYTES))
        publisher.socket.shutdown(socket.SHUT_WR)
        last = [n - TOPICS for n in range(TOPICS)]
        for _ in range(count + (1 if will else 0)):
            message = subscriber.message()
            if message.payload == b"will":
                check(last[0] == count - TOPICS, "the will comes before %d" % (last[0] + TOPICS))
                will = None
                continue
            topic, number = int(message.topic[5:]), int(message.payload)
            check(number == last[topic] + TOPICS, "%d after %d" % (number, last[topic]))
            last[topic] = number
        check(not will and last[0] == count - TOPICS, "no will")
        subscriber.expect_nothing()
        if reader:
            reader.join(PATIENCE)
        else:
            publisher.expect_end()
    subscriber.close()


def main():
    options = options_of("Publishers that send as fast as they can.")
    count = Count(options)

    broker = None
    for workers, qos in (("1", 0), ("2", 1)):
        check(not broker or broker.stop() == 0, "it does not end in order")
        broker = Broker(options, "--workers", workers)
        for test in (all_is_taken, others_are_served):
            count.run("%s, QoS %d, %s worker(s)" % (test.__name__.replace("_", " "), qos, workers),
                      test, broker, qos)
    count.end(broker)


main()
