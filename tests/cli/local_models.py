"""What the tests of `laird library` pull."""

from __future__ import annotations

from laird.library.curated import curated

TEXT = "hello from the little model"
REPOSITORY = "maker/tiny-GGUF"
FILE = "tiny.Q4_K_M.gguf"
ID = "tiny.q4_k_m"
NAME = f"library/{ID}"
_found = curated("tinyllama")
assert _found is not None
CURATED = _found
