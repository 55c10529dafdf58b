"""How well detectors find what they should, and not more: the table in docs/privacy.md.

`python -m tests.privacy.figures` writes it there.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import orjson
from tests.privacy.labelled import Sample, samples

from laird.domain.privacy import Category
from laird.privacy.scan import scan
from laird.privacy.sought import Sought

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_ALL = sum(category.bit for category in Category)


class Figures(msgspec.Struct, frozen=True):
    """What became of the labelled set."""

    found: Counter[Category]
    missed: Counter[Category]
    wrong: Counter[Category]
    """Texts without it in which a category was seen."""
    clean: int
    """Texts in which there is nothing to be found."""
    kinds: dict[tuple[Category, str], tuple[int, int]]
    """By kind of positive: how many were found, of how many."""
    mistakes: list[tuple[Category, Sample]]

    def recall(self, category: Category) -> float:
        """Return the share of what is there that was found."""
        return self.found[category] / (self.found[category] + self.missed[category])

    def precision(self, category: Category) -> float:
        """Return the share of what was found that is there."""
        return self.found[category] / (self.found[category] + self.wrong[category])


def measure() -> Figures:
    """Put the labelled set through the detectors."""
    found: Counter[Category] = Counter()
    missed: Counter[Category] = Counter()
    wrong: Counter[Category] = Counter()
    kinds: dict[tuple[Category, str], tuple[int, int]] = {}
    mistakes = []
    clean = 0
    for sample in samples():
        bits = scan(orjson.dumps(sample.text), Sought(_ALL, regions=sample.regions))
        clean += sample.category is None
        if sample.category is not None:
            seen = bool(bits & sample.category.bit)
            (found if seen else missed)[sample.category] += 1
            hits, of = kinds.get((sample.category, sample.kind), (0, 0))
            kinds[sample.category, sample.kind] = (hits + seen, of + 1)
        for category in Category:
            if category is not sample.category and bits & category.bit:
                wrong[category] += 1
                mistakes.append((category, sample))
    return Figures(found, missed, wrong, clean, kinds, mistakes)


def table(figures: Figures) -> str:
    """Return the figures as they stand in the documentation."""
    there = sum((figures.found + figures.missed).values())
    lines = [
        f"{there} texts with something to be found, {figures.clean} without.",
        "",
        "| category | texts with it | found | recall | seen elsewhere by mistake | precision |",
        "|---|---|---|---|---|---|",
    ]
    for category in Category:
        hits = figures.found[category]
        lines.append(
            f"| `{category.value}` | {hits + figures.missed[category]} | {hits}"
            f" | {figures.recall(category):.1%} | {figures.wrong[category]}"
            f" | {figures.precision(category):.1%} |"
        )
    lines += ["", "Of these kinds some were missed:", "", "| kind | found |", "|---|---|"]
    lines += [
        f"| {kind} | {hits} of {of} |"
        for (_, kind), (hits, of) in sorted(figures.kinds.items(), key=lambda one: one[0][1])
        if hits < of
    ]
    return "\n".join(lines)


def documented() -> str:
    """Return what stands in the documentation."""
    text = PAGE.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


def main() -> None:
    """Write the figures into the documentation."""
    text = PAGE.read_text()
    block = f"{BEGIN}\n{table(measure())}\n{END}"
    PAGE.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: block, text, flags=re.DOTALL))


if __name__ == "__main__":
    main()
