#!/bin/sh
# Renew the lock files from pyproject.toml: hash-pinned, naming no index. Needs uv on the PATH.
set -eu
cd "$(dirname "$0")/.."
lock() {
    uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate \
        --universal --python-version 3.11 "$@"
}
lock pyproject.toml --group build --output-file requirements/run.lock
lock pyproject.toml --group build --group test --constraint requirements/run.lock --output-file requirements/test.lock
lock --group bench --constraint requirements/test.lock --output-file requirements/bench.lock
