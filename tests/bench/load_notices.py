#!/usr/bin/env python3
"""Puts noh-load before servers that do wrong on purpose, and expects that it notices each wrong.

Gets the folder of all programs. The servers here know just enough MQTT to be load-tested.
"""
import asyncio
import json
import os
import struct
import sys

CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE = 1, 3, 4, 5, 6, 7, 8
MESSAGES = 200
noh_load = os.path.join(sys.argv[1], "noh-load")
failures = 0


# What a broker may do with message `n` of a topic: the list of what the subscriber gets.
def honest(n, packet, held):
    return [packet]


def drops(n, packet, held):
    return [] if n % 10 == 3 else [packet]


def repeats(n, packet, held):
    return [packet, packet] if n % 10 == 3 else [packet]


def swaps(n, packet, held):
    if n % 10 == 3:
        held.append(packet)
        return []
    return [packet] + [held.pop() for _ in held[:]]


def damages(n, packet, held):
    return [packet[:-1] + b"!"] if n % 10 == 3 else [packet]


async def read_packet(reader):
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            break
    return first >> 4, first, await reader.readexactly(length)


def packet(first, body):
    length, digits = len(body), b""
    while True:
        digit, length = length & 0x7F, length >> 7
        digits += bytes([digit | (0x80 if length else 0)])
        if not length:
            return bytes([first]) + digits + body


class Broker:
    def __init__(self, mischief, dies_after=None):
        self.mischief, self.dies_after = mischief, dies_after
        self.subscribers, self.seen, self.held = {}, {}, {}

    async def serve(self, reader, writer):
        steps = []  # the acknowledgements that this client still owes, as (type, id)
        try:
            while True:
                kind, first, body = await read_packet(reader)
                if kind == CONNECT:
                    writer.write(b"\x20\x02\x00\x00")
                elif kind == SUBSCRIBE:
                    size = struct.unpack(">H", body[2:4])[0]
                    topic = body[4 : 4 + size]
                    self.subscribers[topic] = (writer, steps)
                    writer.write(b"\x90\x03" + body[:2] + body[-1:])
                elif kind == PUBLISH:
                    self.publish(writer, first, body)
                elif kind == PUBREL:
                    writer.write(struct.pack(">BBH", PUBCOMP << 4, 2, *struct.unpack(">H", body)))
                elif kind == PUBREC:
                    steps.remove((PUBREC, body))
                    steps.append((PUBCOMP, body))
                    writer.write(b"\x62\x02" + body)
                else:
                    steps.remove((kind, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        owed.extend(steps)
        writer.close()

    def publish(self, writer, first, body):
        size = struct.unpack(">H", body[:2])[0]
        topic = body[2 : 2 + size]
        n = self.seen[topic] = self.seen.get(topic, -1) + 1
        qos = first >> 1 & 3
        if n == self.dies_after:
            writer.transport.abort()
            return
        if qos:
            kind = PUBACK if qos == 1 else PUBREC
            writer.write(bytes([kind << 4, 2]) + body[2 + size : 4 + size])
        to, steps = self.subscribers[topic]
        for each in self.mischief(n, packet(first, body), self.held.setdefault(topic, [])):
            if qos:
                steps.append((PUBACK if qos == 1 else PUBREC, body[2 + size : 4 + size]))
            to.write(each)


async def echo(reader, writer, change):
    position = 0
    try:
        while data := await reader.read(65536):
            writer.write(change(position, data))
            position += len(data)
    except ConnectionError:
        pass
    writer.close()


async def start(serve):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server.sockets[0].getsockname()[1]


async def load(port, *arguments):
    process = await asyncio.create_subprocess_exec(
        noh_load, *arguments, "--port", str(port), "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def check(name, truth, shown):
    global failures
    if not truth:
        failures += 1
        print(f"FAILED: {name}: {shown}")


async def mqtt_case(name, mischief, expected, *arguments):
    port = await start(Broker(mischief).serve)
    status, out, err = await load(port, "mqtt", "--publishers", "3", "--messages",
                                  str(MESSAGES * 3), *arguments)
    shown = f"{status} {out} {err}"
    check(name, out.startswith("{"), shown)
    found = json.loads(out) if out else {}
    found = {key: found.get(key) for key in ("lost", "duplicated", "reordered", "damaged")}
    wanted = dict.fromkeys(found, 0) | expected
    check(name, found == wanted and status == (1 if expected else 0), shown)


async def dies_case(name, serve, sentence, *arguments):
    status, out, err = await load(await start(serve), *arguments)
    check(name, status == 1 and sentence in err and not out, f"{status} {out} {err}")


owed = []


async def main():
    each = MESSAGES // 10 * 3
    flipped = lambda at, data: data[:-1] + bytes([data[-1] ^ 1]) if at > 10000 else data
    twice = lambda at, data: data + data if at > 10000 else data
    await asyncio.gather(
        mqtt_case("honest, QoS 0", honest, {}),
        mqtt_case("honest, QoS 1", honest, {}, "--qos", "1"),
        mqtt_case("honest, QoS 2", honest, {}, "--qos", "2"),
        mqtt_case("honest, rate", honest, {}, "--rate", "5000"),
        mqtt_case("drops", drops, {"lost": each}),
        mqtt_case("drops, QoS 1", drops, {"lost": each}, "--qos", "1"),
        mqtt_case("repeats", repeats, {"duplicated": each}),
        mqtt_case("swaps", swaps, {"reordered": each}),
        mqtt_case("damages", damages, {"damaged": each, "lost": each}),
        dies_case("server dies", Broker(honest, dies_after=50).serve, "connection broken",
                  "mqtt", "--publishers", "1"),
        dies_case("a byte is changed", lambda r, w: echo(r, w, flipped), "other bytes came back",
                  "echo", "--connections", "2"),
        dies_case("bytes come twice", lambda r, w: echo(r, w, twice), "came back",
                  "echo", "--connections", "1"),
    )
    check("all acknowledgements were sent", not owed, f"{len(owed)} were not: {owed[:3]}")

    status, _, err = await load(1, "echo")
    check("nobody listens", status == 1 and "refused" in err, err)
    for wrong in (["echo", "--qos", "1"], ["mqtt", "--size", "3"], ["idle"], ["mqtt", "--window", "x"]):
        status, _, err = await load(1, *wrong)
        check(f"wrong usage {wrong}", status == 2 and "--help" in err, f"{status} {err}")


asyncio.run(main())
print(f"{failures} failed" if failures else "all noticed")
sys.exit(1 if failures else 0)
