#!/bin/sh
# The tests, side by side, with their coverage: scripts/unit.sh PYTHON WORKERS
#
# They start servers, browsers and models of their own, all at once. One that fails is run once more
# by itself, where nothing else takes the machine from it; only what fails twice has failed. Both are
# told, so that it can be mended. More than three at once are no accident and are not run again.
set -u
cd "$(dirname "$0")/.."
python=$1
workers=$2
most=3
rm -f .coverage .coverage.*
"$python" -m pytest -n "$workers" --dist worksteal --cov --cov-report=term:skip-covered -q
status=$?
# 1 is what failing tests, and too little coverage, end with; anything else is a fault of another kind.
[ "$status" -eq 1 ] || exit "$status"
failed=$("$python" -c 'import json; print(len(json.load(open(".pytest_cache/v/cache/lastfailed"))))' 2>/dev/null || echo 0)
if [ "$failed" -lt 1 ] || [ "$failed" -gt "$most" ]; then
    exit 1
fi
echo "unit: $failed failed beside the others, and will be run once more alone"
"$python" -m pytest --last-failed --last-failed-no-failures none -q || exit 1
"$python" -m coverage report >/dev/null || { echo "unit: too little is covered"; exit 1; }
echo "unit: what failed beside the others has passed alone"
