"""A Laird beside a hub of models on this machine, whose models are tiny and really run."""

from __future__ import annotations

from pathlib import Path

from tests.browser.house import House
from tests.gateway.library_world import model_file, put
from tests.support.hub_server import HubServer

from laird.library.curated import CURATED

SAID = "Good day from this very machine"
"""What every model answers."""
BALLAST = 6_000_000
"""Makes a file large enough to be half here."""
HELPER = "helpful-labs/helper-3B-GGUF"
HELPER_FILES = tuple(f"helper-3b.{quantization}.gguf" for quantization in ("Q4_K_M", "Q8_0"))
CODER = "helpful-labs/coder-7B-GGUF"
SECRETIVE = "closed-house/secretive-1B-GGUF"


def tiny(folder: Path) -> bytes:
    """Return the file of a model that is quickly here."""
    return model_file(folder, "tiny", SAID).read_bytes()


def stock(hub: HubServer, folder: Path) -> HubServer:
    """Put the recommended models on a hub, and three more repositories to be found."""
    small = tiny(folder)
    large = model_file(folder, "large", SAID, ballast=BALLAST).read_bytes()
    for place, model in enumerate(CURATED):
        hub.add(
            model.repository,
            {model.file: small},
            downloads=90_000 - place * 1_000,
            likes=400 - place,
            parameters=model.parameters,
        )
    files = dict.fromkeys(HELPER_FILES, large)
    hub.add(HELPER, files, downloads=1_200_000, likes=1, parameters=3_200_000_000, context=32_768)
    hub.add(CODER, {"coder-7b.Q4_K_M.gguf": large}, downloads=2_000, parameters=7_600_000_000)
    hub.add(
        SECRETIVE,
        {"secretive-1b.Q4_K_M.gguf": small},
        downloads=1_000,
        parameters=1_000_000_000,
        gated="manual",
    )
    return hub


def library_house(home: Path, hub: HubServer) -> House:
    """Return a house with the demo provider, whose models come from a hub."""
    document = (
        "providers:\n  - id: demo\n    name: Demo\n    kind: demo\n    models: [demo, demo-fail]\n"
    )
    return House(home, document, HF_ENDPOINT=hub.url)


def by_hand(house: House, name: str, *, offered: bool = False) -> Path:
    """Put a model's file into the library as somebody does by hand, and have it offered."""
    file = put(house.home, model_file(house.home, "by-hand", SAID), name)
    if offered:
        house.call("POST", f"/api/library/models/{name}/offer")
    return file
