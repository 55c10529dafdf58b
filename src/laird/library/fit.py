"""Whether a model fits a machine: what it needs of memory, what is there, and why.

The cache of keys and values is exact for llama.cpp with its default of 16 bits: layers, heads, the
length of a key and a value, and tokens of context. What llama.cpp computes in is estimated from
above, from measurements: it grows with the words a model knows, its width and its context.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from laird.domain.local_models import Fit, MemoryNeed, RunSettings, Verdict
from laird.library.gguf import ENCODERS, GgufHeader
from laird.library.machine import Gpu, Machine
from laird.library.quantization import bits_per_weight, estimated_size

DEFAULT_CONTEXT = 8_192
"""Tokens of context where nobody asked for so many, or fewer if the model was made for fewer."""

_GIB = 1024**3
_GB = 1_000_000_000
_CACHE_BYTES = 2
_STATE_BYTES = 4
# llama.cpp rounds a context up to so many tokens.
_CELLS = 256
# Tokens that llama.cpp works through at once (`n_ubatch`); for vectors a whole text at once.
_ROWS = 512
_VECTOR_ROWS = 2_048
# What it computes in, for each such token: 4 bytes for each word of the model and for so many
# vectors of its width, and 2 bytes for each token of context.
_VECTORS = 12
# Its process: Python, the libraries and the server, which measured 35 MB.
_PROCESS = 64 * 1024**2
# Free memory that is left to everything else.
_ROOM = 0.85
# Of all memory, what a model may have where other programs give way.
_MOST = 0.90
_GPU_ROOM = 0.95
_DISK_ROOM = 2 * _GB

# Models of 7 billion weights take 128 KiB of cache for each token and are 4,096 wide; larger ones
# grow slower than their weights.
_USUAL = 7_000_000_000
_USUAL_CACHE, _USUAL_WIDTH, _USUAL_WORDS = 128 * 1024, 4_096, 100_000
_SIZES = (1, 3, 4, 8, 14, 24, 32, 70, 120, 235, 400)


def context_of(header: GgufHeader, settings: RunSettings) -> int:
    """Return how many tokens each slot holds: what was asked for, or a usual number."""
    if settings.context_size is not None:
        return settings.context_size
    return min(header.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def estimate(
    header: GgufHeader, settings: RunSettings, *, weights: int | None = None
) -> MemoryNeed:
    """Estimate what a model needs, from the header of its file.

    Args:
        header: Of the file, or of the first of several.
        settings: How it shall be run.
        weights: Bytes of all its files together, where it is cut into several.
    """
    tokens = _rounded(context_of(header, settings))
    slots = max(1, settings.slots)
    return MemoryNeed(
        weights=header.weights if weights is None else weights,
        context=(_cache(header, tokens) + _state(header)) * slots,
        overhead=_overhead(
            rows=min(tokens, _VECTOR_ROWS) if header.embeddings else _ROWS,
            words=header.vocabulary,
            width=header.embedding_length,
            tokens=tokens,
        ),
    )


def _cache(header: GgufHeader, tokens: int) -> int:
    """Return the bytes of keys and values that one slot holds."""
    if header.architecture in ENCODERS:
        return 0
    window = min(tokens, _rounded(header.sliding_window + _ROWS))
    windowed = header.windowed or (False,) * header.block_count
    cells = sum(
        heads * (window if sees_window else tokens)
        for heads, sees_window in zip(header.heads_kv, windowed, strict=True)
    )
    return cells * (header.key_length + header.value_length) * _CACHE_BYTES


def _state(header: GgufHeader) -> int:
    """Return the bytes that the recurrent layers keep for one slot."""
    recurrent = header.heads_kv.count(0) or header.block_count
    return header.state_size * recurrent * _STATE_BYTES


def _overhead(*, rows: int, words: int, width: int, tokens: int) -> int:
    return _PROCESS + rows * (4 * (words + _VECTORS * width) + 2 * tokens)


def _rounded(tokens: int) -> int:
    return -(-tokens // _CELLS) * _CELLS


def estimate_from(
    size: int | None,
    quantization: str | None,
    parameters: int | None,
    settings: RunSettings | None = None,
) -> MemoryNeed:
    """Estimate what a model needs whose file is not here, from what can be told of it.

    Args:
        size: Bytes of its files, if that is known.
        quantization: As its name tells.
        parameters: How many weights it has, if that is known.
        settings: How it shall be run.
    """
    if size is None:
        size = estimated_size(parameters or 0, quantization)
    if not parameters:
        parameters = round(size * 8 / bits_per_weight(quantization))
    wanted = settings or RunSettings()
    tokens = _rounded(wanted.context_size or DEFAULT_CONTEXT)
    scale = parameters / _USUAL
    return MemoryNeed(
        weights=size,
        context=round(_USUAL_CACHE * scale**0.5) * tokens * max(1, wanted.slots),
        overhead=_overhead(
            rows=_ROWS,
            words=_USUAL_WORDS,
            width=round(_USUAL_WIDTH * scale**0.4),
            tokens=tokens,
        ),
    )


def layers_on_gpu(header: GgufHeader, need: MemoryNeed, machine: Machine) -> int:
    """Return how many layers the graphics processors can hold.

    All of them is one more than the model's own (`block_count` + 1): llama.cpp counts the table
    that makes words as a layer, which is the last to go there. The table of tokens never does.
    """
    free = _gpu_free(machine.usable_gpus)
    if not free or not header.block_count:
        return 0
    # In a model that is cut into several files, the first tells little of the others.
    share = header.layer_weights / header.weights if header.weights else 1.0
    layers = need.weights if header.split_count > 1 else round(need.weights * share)
    tokens = 0 if header.split_count > 1 else header.token_weights
    if need.total - tokens <= free:
        return header.block_count + 1
    each = max(1, (layers + need.context) // header.block_count)
    return max(0, min(header.block_count, (free - need.overhead) // each))


def chosen(
    header: GgufHeader, settings: RunSettings, machine: Machine, *, weights: int | None = None
) -> RunSettings:
    """Return settings in which nothing is left open: a context, and layers for the GPU."""
    decided = RunSettings(
        context_size=context_of(header, settings),
        gpu_layers=settings.gpu_layers,
        slots=max(1, settings.slots),
    )
    if settings.gpu_layers is not None:
        return decided
    need = estimate(header, decided, weights=weights)
    return RunSettings(
        context_size=decided.context_size,
        gpu_layers=layers_on_gpu(header, need, machine),
        slots=decided.slots,
    )


class _Judged(NamedTuple):
    fit: Fit
    reason: str


def judge(
    need: MemoryNeed, machine: Machine, file_size: int | None = None, *, held: int = 0
) -> Verdict:
    """Judge whether a model fits, with a reason in figures.

    Args:
        need: What it takes.
        machine: What there is.
        file_size: Bytes that are to be downloaded, where its file is not here yet.
        held: Bytes of memory that running models hold and would give back.
    """
    judged = [_in_memory(need.total, machine, held)]
    if file_size is not None:
        judged.append(_on_disk(file_size, machine))
    worst = max((fit for fit, _ in judged), key=_ORDER.index)
    # Where memory suffices, its figures are worth reading beside those of the disk.
    said = [reason for fit, reason in judged if reason and (fit is worst or worst is not Fit.FITS)]
    return Verdict(fit=worst, reason=" ".join(said))


_ORDER = (Fit.FITS, Fit.TIGHT, Fit.TOO_BIG)


def _in_memory(total: int, machine: Machine, held: int) -> _Judged:
    memory = machine.memory
    if not memory.total:
        return _Judged(
            Fit.TIGHT,
            f"Needs about {memory_text(total)} of memory; how much there is can't be found out.",
        )
    gpus = machine.usable_gpus
    on_gpu = _gpu_free(tuple(gpu for gpu in gpus if not gpu.unified))
    if total <= on_gpu:
        return _Judged(Fit.FITS, _gpu_words(total, gpus))
    free = min(memory.total, memory.available + held)
    rest = total - on_gpu
    if rest <= free * _ROOM:
        fit, then = Fit.FITS, ""
    elif rest <= free:
        fit, then = Fit.TIGHT, " That leaves little for anything else."
    elif rest <= memory.total * _MOST:
        fit, then = Fit.TIGHT, " It fits when other programs give memory back."
    else:
        fit, then = Fit.TOO_BIG, ""
    figures = f"{memory_text(free)} of {memory_text(memory.total)} are free"
    where = f" besides {memory_text(on_gpu)} on the GPU" if on_gpu else ""
    return _Judged(fit, f"Needs about {memory_text(total)} of memory; {figures}{where}.{then}")


def _gpu_words(total: int, gpus: Sequence[Gpu]) -> str:
    own = [gpu for gpu in gpus if not gpu.unified]
    free, there = sum(gpu.free for gpu in own), sum(gpu.total for gpu in own)
    names = " and ".join(dict.fromkeys(gpu.name for gpu in own))
    return (
        f"Needs about {memory_text(total)} of memory and fits the GPU:"
        f" {memory_text(free)} of {memory_text(there)} are free ({names})."
    )


def _on_disk(size: int, machine: Machine) -> _Judged:
    if not machine.disk_total:
        return _Judged(Fit.FITS, "")
    figures = f"Its file has {file_text(size)}; {file_text(machine.disk_free)} of the disk are free"
    if size > machine.disk_free:
        return _Judged(Fit.TOO_BIG, f"{figures}.")
    if machine.disk_free - size < _DISK_ROOM:
        return _Judged(Fit.TIGHT, f"{figures}, which leaves little.")
    return _Judged(Fit.FITS, "")


def _gpu_free(gpus: Sequence[Gpu]) -> int:
    return round(sum(gpu.free for gpu in gpus) * _GPU_ROOM)


def largest_that_fits(machine: Machine) -> str:
    """Return a sentence on how large models may be here, at a usual quantization."""
    if not machine.memory.total:
        return "How much memory this machine has can't be found out."
    own = _gpu_free(tuple(gpu for gpu in machine.usable_gpus if not gpu.unified))
    # A quarter of main memory is left to the system and other programs.
    budget = machine.memory.total * 3 // 4 + own
    settings = RunSettings(context_size=4_096)
    fitting = [
        size
        for size in _SIZES
        if estimate_from(None, "Q4_K_M", size * 1_000_000_000, settings).total <= budget
    ]
    if not fitting:
        return f"With {memory_text(machine.memory.total)} of memory, models hardly fit."
    where = " and the GPU" if own else ""
    idle = " and ".join(dict.fromkeys(gpu.name for gpu in machine.idle_gpus))
    unused = f" The installed llama.cpp can't use the GPU ({idle})." if idle else ""
    return (
        f"Models up to about {fitting[-1]}B at Q4 fit the {memory_text(machine.memory.total)}"
        f" of memory{where}.{unused}"
    )


def memory_text(size: int) -> str:
    """Write bytes of memory, in the gigabytes that memory is sold in (1024 to the third)."""
    return f"{size / _GIB:.1f} GB" if size >= _GIB / 10 else f"{size / 1024**2:.0f} MB"


def file_text(size: int) -> str:
    """Write bytes of a file or a disk, in decimal gigabytes, as hubs and disks are told."""
    return f"{size / _GB:.1f} GB" if size >= _GB / 10 else f"{size / 1_000_000:.0f} MB"
