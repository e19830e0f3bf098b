"""Servers that do as much as a client needs to connect: of PostgreSQL, of Redis."""

from __future__ import annotations

import asyncio
import struct


def _message(kind, *parts):
    body = b"".join(parts)
    return kind + struct.pack("!i", len(body) + 4) + body


SETTINGS = {
    b"server_version": b"15.0",
    b"server_encoding": b"UTF8",
    b"client_encoding": b"UTF8",
    b"standard_conforming_strings": b"on",
    b"DateStyle": b"ISO, MDY",
    b"TimeZone": b"UTC",
    b"integer_datetimes": b"on",
}

READY = _message(b"Z", b"I")


async def postgres(reader, writer):
    """Lets anybody in, and answers each simple query with an empty result.

    Source: https://www.postgresql.org/docs/15/protocol-flow.html
    """
    try:
        while True:
            (size,) = struct.unpack("!i", await reader.readexactly(4))
            if struct.unpack("!i", (await reader.readexactly(size - 4))[:4])[0] == 196608:
                break
            writer.write(b"N")  # no encryption
        writer.write(_message(b"R", struct.pack("!i", 0)))
        for name, value in SETTINGS.items():
            writer.write(_message(b"S", name, b"\0", value, b"\0"))
        writer.write(_message(b"K", struct.pack("!ii", 1, 1)) + READY)
        while True:
            kind = await reader.readexactly(1)
            (size,) = struct.unpack("!i", await reader.readexactly(4))
            await reader.readexactly(size - 4)
            if kind == b"Q":
                writer.write(_message(b"C", b"SELECT 0\0") + READY)
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.transport.abort()


async def redis(reader, writer):
    """Answers anything with OK, but BLPOP never.

    Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
    """
    try:
        while True:
            count = int((await reader.readuntil(b"\n"))[1:])
            words = []
            for _ in range(count):
                size = int((await reader.readuntil(b"\n"))[1:])
                words.append((await reader.readexactly(size + 2))[:-2].upper())
            if words[0] == b"HELLO":
                writer.write(b"%1\r\n$5\r\nproto\r\n:3\r\n")
            elif words[0] != b"BLPOP":
                writer.write(b"+OK\r\n")
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.transport.abort()
