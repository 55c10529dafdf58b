"""A package has the dashboard in it, where the dashboard was built before."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What of a checkout a package is made of."""
    folder = tmp_path / "checkout"
    (folder / "src").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    package = folder / "src" / "laird"
    package.mkdir()
    shutil.copy(ROOT / "src" / "laird" / "__init__.py", package)
    shutil.copytree(ROOT / "src" / "laird" / "api", package / "api")
    return folder


def build(checkout: Path, target: str) -> Path:
    """Build a package and return its file."""
    built = checkout / "built"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", built],
        cwd=checkout,
        check=True,
        capture_output=True,
    )
    (file,) = built.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return file


def test_a_wheel_has_the_dashboard_where_the_server_looks_for_it(checkout: Path) -> None:
    dist = checkout / "web" / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html>")
    (dist / "assets" / "index-abc.js").write_text("'hello'")
    names = zipfile.ZipFile(build(checkout, "wheel")).namelist()
    assert "laird/dashboard/index.html" in names
    assert "laird/dashboard/assets/index-abc.js" in names
    assert "laird/api/dashboard.py" in names
    assert not [name for name in names if name.startswith(("web", "src"))]
    with tarfile.open(build(checkout, "sdist")) as sources:
        assert any(name.endswith("/web/dist/index.html") for name in sources.getnames())


def test_a_wheel_can_be_built_without_the_dashboard(checkout: Path) -> None:
    names = zipfile.ZipFile(build(checkout, "wheel")).namelist()
    assert "laird/api/dashboard.py" in names
    assert not [name for name in names if name.startswith("laird/dashboard/")]
