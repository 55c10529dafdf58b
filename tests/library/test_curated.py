"""The models that are offered by name can be named, and what is said of them agrees."""

from __future__ import annotations

import pytest

from laird.domain.local_models import Fit, RunSettings
from laird.library.curated import CURATED, CuratedModel, curated
from laird.library.fit import estimate_from, judge
from laird.library.machine import Machine, Memory
from laird.library.quantization import estimated_size, quantization_of


def test_there_are_ten_and_none_twice() -> None:
    assert len(CURATED) == 10
    assert len({one.id for one in CURATED}) == len({one.repository for one in CURATED}) == 10


@pytest.mark.parametrize("one", CURATED, ids=lambda one: one.id)
def test_what_is_said_of_a_model_agrees(one: CuratedModel) -> None:
    assert quantization_of(one.file) == one.quantization
    assert one.size == pytest.approx(estimated_size(one.parameters, one.quantization), rel=0.1)
    assert one.repository.count("/") == 1
    assert one.good_for.endswith(".")
    # On a machine with the memory that it should have, it fits.
    memory = Memory(total=one.ram, available=one.ram * 9 // 10)
    there = Machine(system="linux", architecture="x86_64", processors=4, memory=memory)
    needed = estimate_from(one.size, one.quantization, one.parameters, RunSettings())
    assert judge(needed, there).fit is Fit.FITS


def test_a_model_is_found_by_its_id_or_its_repository() -> None:
    assert curated("Mistral-7B") is CURATED[0]
    assert curated("thebloke/phi-2-gguf") is curated("phi-2")
    assert curated("nothing") is None
