"""The devices that llama.cpp can use, told as JSON by a process of its own.

    python -m laird.library.devices

prints `{"devices": [{"name", "description", "total", "free", "unified"}]}` with bytes. It is a
process because loading llama.cpp with a driver takes time and memory, and a broken driver ends it.
"""

from __future__ import annotations

import json
import sys

import xllamacpp

_UNIFIED = "GGML_BACKEND_DEVICE_TYPE_IGPU"
_GRAPHICS = ("GGML_BACKEND_DEVICE_TYPE_GPU", _UNIFIED)


def listing() -> str:
    """Return the graphics devices that this llama.cpp can use, as JSON."""
    found = [
        {
            "name": device["name"],
            "description": device["description"],
            "total": device["memory_total"],
            "free": device["memory_free"],
            # Metal calls the graphics part of Apple silicon a GPU; its memory is main memory.
            "unified": device["type"].name == _UNIFIED or sys.platform == "darwin",
        }
        for device in xllamacpp.get_device_info()
        if device["type"].name in _GRAPHICS
    ]
    return json.dumps({"devices": found})


if __name__ == "__main__":
    sys.stdout.write(f"{listing()}\n")
