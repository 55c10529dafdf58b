"""How well detectors do on the labelled set, and that the documentation tells it."""

from __future__ import annotations

import sys

import orjson
import pytest
from tests.privacy.figures import Figures, documented, measure, table
from tests.privacy.labelled import source_code

from laird.domain.privacy import Category
from laird.privacy.scan import scan
from laird.privacy.sought import Sought


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure()


def test_the_documentation_tells_the_figures_of_today(figures: Figures) -> None:
    sys.stdout.write(table(figures))
    assert documented() == table(figures), "run: python -m tests.privacy.figures"


@pytest.mark.parametrize("category", Category)
def test_hardly_anything_is_seen_that_is_not_there(figures: Figures, category: Category) -> None:
    assert figures.precision(category) >= 0.95


@pytest.mark.parametrize(
    "category", [Category.SECRETS, Category.CARDS, Category.IBAN, Category.EMAIL]
)
def test_what_has_a_form_of_its_own_is_found(figures: Figures, category: Category) -> None:
    assert figures.recall(category) >= 0.97


def test_an_id_that_is_named_is_found(figures: Figures) -> None:
    found, of = figures.kinds[Category.NATIONAL_IDS, "national id, named"]
    assert found == of


def test_a_number_with_its_country_is_found(figures: Figures) -> None:
    for kind in ("with its country", "at home, country told"):
        found, of = figures.kinds[Category.PHONE, f"telephone, {kind}"]
        assert found == of


def test_in_the_standard_library_nothing_is_seen() -> None:
    """Its sources hold no credential, card or account, and plenty of what looks like one."""
    wanted = (Category.SECRETS, Category.CARDS, Category.IBAN, Category.NATIONAL_IDS)
    sought = Sought(sum(category.bit for category in wanted))
    assert [piece for piece in source_code() if scan(orjson.dumps(piece), sought)] == []
