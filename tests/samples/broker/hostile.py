#!/usr/bin/env python3
"""Hostile bytes against the broker: each ends its own connection, and no other one notices.

Usage: hostile.py [PROGRAMS] [--broker COMMAND | --mosquitto]; see support/broker_test.py.
"""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from broker_test import *

CONNECT_TIMEOUT_MS = 1500
LIMIT = 1 << 20  # of a packet, the broker's default


class Healthy:
    """Two connections that live through the whole test: what one publishes the other receives."""

    def __init__(self, broker):
        self.publisher = broker.connected("healthy publisher")
        self.subscriber = broker.connected("healthy subscriber")
        self.subscriber.subscribe(("healthy/#", 1))
        self.count = 0

    def check(self):
        self.count += 1
        payload = b"beat %d" % self.count
        self.publisher.publish("healthy/beat", payload, qos=1, id=1 + self.count % 60000)
        message = self.subscriber.message()
        check(message.payload == payload, "a healthy client got %r" % message)


# ---- what is sent ----------------------------------------------------------------------------

VALID = {
    "CONNECT": connect("cut", will=("will/t", "gone", 1, True), user="u", password="p"),
    "PUBLISH QoS 0": publish("t", "x"),
    "PUBLISH QoS 1": publish("t", "x", qos=1, id=1),
    "PUBLISH QoS 2": publish("t", "x", qos=2, id=1),
    "PUBACK": acknowledgement(PUBACK, 1),
    "PUBREC": acknowledgement(PUBREC, 1),
    "PUBREL": acknowledgement(PUBREL, 1),
    "PUBCOMP": acknowledgement(PUBCOMP, 1),
    "SUBSCRIBE": subscribe(1, ("t/+", 1)),
    "UNSUBSCRIBE": unsubscribe(1, "t/+"),
    "PINGREQ": PINGREQ_BYTES,
    "DISCONNECT": DISCONNECT_BYTES,
}

NOT_TEXT = {"NUL": b"a\0b", "a surrogate": b"a\xed\xa0\x80b", "an overlong form": b"a\xc0\xafb",
            "a stray byte": b"a\xffb", "half a character": b"a\xe2\x82", "too large": b"\xf4\x90\x80\x80"}

# Refused whether a CONNECT came before or not.
ALWAYS = {
    "a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "a length of five bytes in CONNECT": b"\x10\x80\x80\x80\x80\x01",
    "packet type 0": b"\x00\x00",
    "packet type 15": b"\xf0\x00",
    "a page request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a TLS hello": bytes.fromhex("160301010001000100fc0303") + bytes(240),
    "an oversize PUBLISH": b"\x30" + length(2 * LIMIT),
    "the largest length there is": b"\x30\xff\xff\xff\x7f",
    "CONNACK": packet(0x20, b"\0\0"),
    "SUBACK": packet(0x90, b"\0\1\0"),
    "UNSUBACK": packet(0xB0, b"\0\1"),
    "PINGRESP": packet(0xD0),
}

AFTER = {
    "a second CONNECT": connect("again"),
    "a wildcard + in PUBLISH": publish("a/+", "x"),
    "a wildcard # in PUBLISH": publish("#", "x"),
    "an empty topic": publish("", "x"),
    "PUBLISH QoS 3": publish("t", "x", qos=3, id=1),
    "DUP at QoS 0": publish("t", "x", duplicate=True),
    "PUBLISH with packet id 0": publish("t", "x", qos=1, id=0),
    "PUBLISH QoS 2 with packet id 0": publish("t", "x", qos=2, id=0),
    "PUBACK with packet id 0": acknowledgement(PUBACK, 0),
    "PUBREC with packet id 0": acknowledgement(PUBREC, 0),
    "PUBREL with packet id 0": acknowledgement(PUBREL, 0),
    "PUBCOMP with packet id 0": acknowledgement(PUBCOMP, 0),
    "SUBSCRIBE with packet id 0": subscribe(0, ("t", 0)),
    "UNSUBSCRIBE with packet id 0": unsubscribe(0, "t"),
    "SUBSCRIBE without a filter": packet(0x82, b"\0\1"),
    "UNSUBSCRIBE without a filter": packet(0xA2, b"\0\1"),
    "SUBSCRIBE to an empty filter": subscribe(1, ("", 0)),
    "SUBSCRIBE with a # amid": subscribe(1, ("a/#/b", 0)),
    "SUBSCRIBE with a+": subscribe(1, ("a+/b", 0)),
    "SUBSCRIBE with QoS 3": subscribe(1, ("t", 3)),
    "SUBSCRIBE with reserved bits": subscribe(1, ("t", 0x80)),
    "UNSUBSCRIBE with a # amid": unsubscribe(1, "#/b"),
    "SUBSCRIBE whose second filter is bad": subscribe(1, ("t", 0), ("b#", 0)),
    "PUBACK with more": packet(0x40, b"\0\1\0"),
    "PINGREQ with a body": packet(0xC0, b"\0"),
    "DISCONNECT with a body": packet(0xE0, b"\0"),
    "a topic longer than the packet": packet(0x30, b"\xff\xfft"),
    "a topic of 1,025 bytes": publish("t" * 1025, "x"),
}
for name, value in NOT_TEXT.items():
    AFTER["PUBLISH to a topic with " + name] = publish(value, "x")
    AFTER["SUBSCRIBE to a filter with " + name] = subscribe(1, (value, 0))
    AFTER["UNSUBSCRIBE from a filter with " + name] = unsubscribe(1, value)
for name, flags in {"PUBACK": 0x41, "PUBREC": 0x51, "PUBREL": 0x60, "PUBCOMP": 0x71,
                    "SUBSCRIBE": 0x80, "UNSUBSCRIBE": 0xA0, "PINGREQ": 0xC1,
                    "DISCONNECT": 0xE1}.items():
    AFTER["%s with reserved flags" % name] = bytes([flags]) + VALID[name][1:]

BEFORE = {
    "CONNECT with reserved flags": b"\x11" + connect("x")[1:],
    "CONNECT with its reserved bit": connect("x", flags=1),
    "CONNECT for another protocol": connect("x", protocol="MQTP"),
    "CONNECT in lower case": connect("x", protocol="mqtt"),
    "CONNECT with will QoS 3": connect("x", will=("t", "p", 3, False)),
    "CONNECT with will QoS but no will": connect("x", flags=8),
    "CONNECT with will retain but no will": connect("x", flags=32),
    "CONNECT with a password but no user": connect("x", password="p"),
    "CONNECT with more": packet(0x10, connect("x")[2:] + b"x"),
    "CONNECT with a wildcard in its will": connect("x", will=("a/#", "p", 0, False)),
    "CONNECT with an empty will topic": connect("x", will=("", "p", 0, False)),
}
for name, value in NOT_TEXT.items():
    BEFORE["CONNECT with an id with " + name] = connect(value)
    BEFORE["CONNECT with a will topic with " + name] = connect("x", will=(value, "p", 0, False))
    BEFORE["CONNECT with a user with " + name] = connect("x", user=value)
for name, value in VALID.items():
    if name != "CONNECT":
        BEFORE[name + " before CONNECT"] = value
for name, value in AFTER.items():
    if name != "a second CONNECT":
        BEFORE[name + " before CONNECT"] = value

# Refused, and told so: the code in the CONNACK.
TOLD = {
    "CONNECT level 3": (connect("x", level=3), 1),
    "CONNECT level 0": (connect("x", level=0), 1),
    "CONNECT level 6": (connect("x", level=6), 1),
    "CONNECT of MQTT 3.1": (connect("x", protocol="MQIsdp", level=3), 1),
    "CONNECT of MQTT 5": (packet(0x10, text("MQTT") + b"\5\2\0\0\0" + text("x")), 1),
    "an empty id with a session to keep": (connect("", clean=False), 2),
}

# Where mosquitto 2.0 does otherwise; for the tests of the tests.
MOSQUITTO_DIFFERS = {
    "CONNECT of MQTT 3.1": "speaks it",
    "CONNECT of MQTT 5": "speaks it",
    "a topic of 1,025 bytes": "has no such limit",
    "DUP at QoS 0": "lets it pass",
    "PUBACK with more": "lets it pass",
    "PINGREQ with a body": "lets it pass",
    "PUBACK with reserved flags": "lets it pass",
    "PUBREC with reserved flags": "lets it pass",
    "PUBCOMP with reserved flags": "lets it pass",
    "PINGREQ with reserved flags": "lets it pass",
    "a page request, after CONNECT": "takes it for a PUBACK",
    "an oversize PUBLISH, after CONNECT": "waits for it",
    "the largest length there is, after CONNECT": "waits for it",
    "SUBACK, after CONNECT": "lets it pass",
    "UNSUBACK, after CONNECT": "lets it pass",
    "PINGRESP, after CONNECT": "lets it pass",
}


# ---- how it is judged ------------------------------------------------------------------------


def refused(broker, healthy, data, connected):
    client = broker.connected() if connected else broker.client()
    try:
        client.send(data)
    except (ConnectionResetError, BrokenPipeError):
        pass
    said = client.expect_end()
    check(not said, "it was answered: %r" % said[:40])
    healthy.check()


def told(broker, healthy, data, code):
    client = broker.client().send(data)
    said = client.expect_end()
    check(said == bytes([0x20, 2, 0, code]), "it was answered: %r" % said[:40])
    healthy.check()


def shorter_bodies(broker, healthy, name):
    """A body cut short, with a length that fits it: a packet of its own, and a wrong one."""
    whole = VALID[name]
    first, body = whole[0], whole[2:]
    for size in range(len(body)):
        if name == "PUBLISH QoS 0" and size >= 3 or name[:-1] == "PUBLISH QoS " and size >= 5:
            continue  # less payload is no fault
        client = broker.client() if name == "CONNECT" else broker.connected()
        said = client.send(packet(first, body[:size])).expect_end()
        check(not said, "cut to %d bytes it was answered: %r" % (size, said[:40]))
    healthy.check()


def cut_streams(broker, healthy, name):
    """The peer goes away amid a packet, in order or not."""
    whole = VALID[name]
    for size in range(1, len(whole)):
        client = broker.client() if name == "CONNECT" else broker.connected()
        client.send(whole[:size])
        if size % 2:
            client.socket.shutdown(socket.SHUT_WR)
            client.expect_end()
        else:
            client.reset()
    healthy.check()


def slow_connect(broker, healthy):
    """One byte a second: the whole CONNECT would take twelve."""
    client = broker.client()
    start = time.monotonic()
    for byte in connect(""):
        try:
            client.send(bytes([byte]))
            client.socket.settimeout(1)
            if client.socket.recv(1) == b"":
                break
            check(False, "it was answered")
        except socket.timeout:
            healthy.check()
        except (ConnectionResetError, BrokenPipeError):
            break
        check(time.monotonic() < start + CONNECT_TIMEOUT_MS / 1000 + PATIENCE, "still open")
    check(time.monotonic() >= start + CONNECT_TIMEOUT_MS / 1000 - 0.1, "closed too early")
    client.close()


def silent(broker, healthy):
    client = broker.client()
    said = client.expect_end(CONNECT_TIMEOUT_MS / 1000 + PATIENCE)
    check(not said, "it was answered")
    healthy.check()


def slow_after_connect(broker, healthy):
    """One byte a second is no fault of a client with no keep-alive; it is served, late."""
    client = broker.connected()
    data = packet(0x30, text("healthy/s"))
    client.send(data[:-3])
    for byte in data[-3:]:
        time.sleep(1)
        healthy.check()
        client.send(bytes([byte]))
    message = healthy.subscriber.message()
    check(message.topic == "healthy/s", "got %r" % message)
    client.close()


def slow_against_keep_alive(broker, healthy):
    """Bytes are no packets: a keep-alive of 1 s ends who takes longer over one."""
    client = broker.connected(keep_alive=1)
    start = time.monotonic()
    client.send(b"\x30\x7f")
    while time.monotonic() < start + PATIENCE:
        try:
            client.send(b"\0")
            client.socket.settimeout(0.5)
            check(client.socket.recv(1) == b"", "it was answered")
            break
        except socket.timeout:
            healthy.check()
        except (ConnectionResetError, BrokenPipeError):
            break
    else:
        raise Failure("still open after %.1f s" % (time.monotonic() - start))
    check(time.monotonic() - start > 1.3, "closed too early")
    client.close()


def byte_by_byte(broker, healthy):
    """The same at full speed is nothing special."""
    client = broker.client()
    for byte in connect("bytes") + subscribe(1, ("bytes", 2)) + publish("bytes", "slow", 2, 7):
        client.send(bytes([byte]))
    client.expect(CONNACK)
    client.expect(SUBACK)
    # Whether the message is passed on at PUBLISH or at PUBREL is the broker's choice.
    seen = set()
    while PUBREC not in seen:
        seen.add(client.read()[0])
    for byte in acknowledgement(PUBREL, 7):
        client.send(bytes([byte]))
    while not seen >= {PUBREC, PUBCOMP, PUBLISH}:
        seen.add(client.read()[0])
    check(seen == {PUBREC, PUBCOMP, PUBLISH}, "packets of types %r came" % seen)
    client.close()


def size_limit(broker, healthy):
    """A packet of exactly the limit passes; one byte more does not."""
    head = 1 + 3 + 2 + len("healthy/large")
    payload = random.Random(1).randbytes(LIMIT - head)
    client = broker.connected()
    client.send(publish("healthy/large", payload))
    message = healthy.subscriber.message()
    check(message.payload == payload, "another payload came out")
    healthy.check()
    client.send(b"\x30" + length(LIMIT - 4 + 1))
    check(not client.expect_end(), "it was answered")
    healthy.check()


def unread_claims(broker, healthy):
    """Many who each claim a large packet and send none of it."""
    clients = [broker.connected().send(b"\x30" + length(LIMIT - 4) + b"\0\1t") for _ in range(100)]
    healthy.check()
    for client in clients:
        client.reset()
    healthy.check()


def garbage(broker, healthy, connected):
    """Random bytes: whatever they mean, nobody else notices."""
    for seed in range(60):
        noise = random.Random(seed)
        client = broker.connected() if connected else broker.client()
        try:
            client.send(noise.randbytes(noise.randrange(1, 400)))
            client.socket.shutdown(socket.SHUT_WR)
            client.expect_end()
        except (ConnectionResetError, BrokenPipeError, OSError):
            client.close()
    healthy.check()


def log_is_limited(broker, healthy):
    """Reasons are logged, at most ten a second."""
    time.sleep(1.1)
    before = len(broker.log_lines())
    start = time.monotonic()
    for _ in range(300):
        broker.client().send(b"\xff\xff").expect_end()
    took = time.monotonic() - start
    lines = len(broker.log_lines()) - before
    check(lines > 0, "nothing is logged")
    check(lines <= 11 * (int(took) + 2), "%d lines in %.1f s" % (lines, took))


def main():
    options = options_of("Hostile bytes against the broker.")
    broker = Broker(options, "--connect-timeout-ms", str(CONNECT_TIMEOUT_MS))
    healthy = Healthy(broker)
    count = Count(options)

    for connected, table in ((False, BEFORE), (True, AFTER), (False, ALWAYS), (True, ALWAYS)):
        when = "after CONNECT" if connected else "first of all"
        for name, data in table.items():
            whole = "%s, %s" % (name, when)
            differs = MOSQUITTO_DIFFERS.get(whole) or MOSQUITTO_DIFFERS.get(name)
            count.run(whole, refused, broker, healthy, data, connected, not_mosquitto=differs)
    for name, (data, code) in TOLD.items():
        count.run(name, told, broker, healthy, data, code,
                  not_mosquitto=MOSQUITTO_DIFFERS.get(name))
    for name in VALID:
        if len(VALID[name]) > 2:
            count.run("a shorter body of " + name, shorter_bodies, broker, healthy, name)
        count.run("a peer that leaves amid " + name, cut_streams, broker, healthy, name)

    count.run("a CONNECT of one byte a second", slow_connect, broker, healthy,
              not_mosquitto="has no time limit for CONNECT")
    count.run("a peer that says nothing", silent, broker, healthy,
              not_mosquitto="has no time limit for CONNECT")
    count.run("one byte a second after CONNECT", slow_after_connect, broker, healthy)
    count.run("a slow packet against the keep-alive", slow_against_keep_alive, broker, healthy)
    count.run("all byte by byte", byte_by_byte, broker, healthy)
    count.run("a packet at the limit, and past it", size_limit, broker, healthy,
              not_mosquitto="counts the payload alone")
    count.run("a hundred who claim much and send nothing", unread_claims, broker, healthy)
    count.run("garbage first of all", garbage, broker, healthy, False)
    count.run("garbage after CONNECT", garbage, broker, healthy, True)
    count.run("reasons are logged at most ten times a second", log_is_limited, broker, healthy,
              not_mosquitto="logs each")
    count.end(broker)


main()
