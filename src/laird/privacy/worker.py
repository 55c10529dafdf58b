"""The process that reads long texts: frames come in on standard input, and go out on the output.

A frame is its length (4 bytes, big endian) and MessagePack. What it reads is not kept, logged or
shown; of what goes wrong only the name is told.
"""

from __future__ import annotations

import os
import struct
import sys
from contextlib import suppress
from typing import BinaryIO

import msgspec

from laird.privacy.frames import FRAME, Answer, Job
from laird.privacy.scan import scan

_NICENESS = 5
"""It shares the machine with the process that answers clients, who come first."""


def answer_to(payload: bytes) -> bytes:
    """Do one job. Never raises: what went wrong is in the answer."""
    try:
        job = msgspec.msgpack.decode(payload, type=Job)
        found = [format(scan(raw, job.sought), "x") for raw in job.units]
        answer = Answer(found=found)
    except Exception as error:  # noqa: BLE001 - whatever it is, the request counts as sensitive
        answer = Answer(failure=type(error).__name__)
    return msgspec.msgpack.encode(answer)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer jobs until the other side closes."""
    while len(head := source.read(FRAME.size)) == FRAME.size:
        (size,) = FRAME.unpack(head)
        answer = answer_to(source.read(size))
        sink.write(struct.pack(FRAME.format, len(answer)))
        sink.write(answer)
        sink.flush()


def main() -> None:
    """Serve on the standard streams."""
    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    sys.stdout.buffer.write(FRAME.pack(0))
    sys.stdout.buffer.flush()
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
