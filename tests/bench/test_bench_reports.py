"""The benchmark of reports, on a ledger that is small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import reports, usage_data


def test_every_report_is_measured_for_every_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "figures.json"
    sizes = ["--rows", "300,600", "--keep", str(tmp_path)]
    assert reports.main([*sizes, "--rounds", "1", "--output", str(output)]) in {0, 1}
    printed = capsys.readouterr().out
    figures = json.loads(output.read_text())["ms"]
    assert set(figures) == {"300", "600"}
    assert set(figures["300"]) == set(figures["600"])
    assert all(name in printed for name in figures["300"])
    assert (tmp_path / "ledger-600.db").exists()


def test_usage_is_never_written_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "there.db"
    usage_data.main([str(file), "--rows", "50", "--days", "3"])
    with pytest.raises(SystemExit):
        usage_data.main([str(file)])
