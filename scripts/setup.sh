#!/bin/sh
# Prepare an environment: scripts/setup.sh run|test
# Installs exactly what the lock files name, by hash. Does nothing when that is done already.
set -eu
cd "$(dirname "$0")/.."
what=$1
venv=${LAIRD_VENV:-.venv}
stamp=$venv/.laird-$what

say() { printf '%s\n' "$*" >&2; }

# Debian's packages, where we may install them; elsewhere say what is wanted.
want_packages() {
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        say "Installing $*"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        say "Please install: $* (on Debian or Ubuntu: sudo apt-get install $*), then run make again."
        exit 1
    fi
}

find_python() {
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    say "Laird needs Python 3.11 or newer, and none was found."
    say "Install it (Debian 12: apt-get install python3 python3-venv; macOS: brew install python@3.12),"
    say "or name one with PYTHON=/path/to/python make ..."
    exit 1
}

# The clients in JavaScript that the tests run against Laird: see tests/js/package.json.
node_is_new_enough() {
    command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'
}

want_node() {
    node_is_new_enough && return
    if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
        want_packages nodejs npm
    fi
    node_is_new_enough && return
    say "The tests need Node.js 20 or newer with npm, and this is $(node --version)."
    say "Install it from https://nodejs.org (macOS: brew install node), then run make again."
    exit 1
}

install_javascript() {
    js_stamp=tests/js/node_modules/.laird-stamp
    [ -f "$js_stamp" ] && [ ! tests/js/package-lock.json -nt "$js_stamp" ] && return
    want_node
    say "Installing the packages of tests/js/package-lock.json (once; about 200 MB)"
    (cd tests/js && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    touch "$js_stamp"
}

# The browser of the system, for the tests of the dashboard: see tests/browser/README.md.
want_chromium() {
    for name in ${LAIRD_CHROMIUM:+"$LAIRD_CHROMIUM"} chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    if [ "$(uname)" = Darwin ]; then
        say "The tests of the dashboard need Chrome: brew install --cask google-chrome, or name another with LAIRD_CHROMIUM."
        exit 1
    fi
    want_packages chromium
}

newer_than_stamp() {
    [ ! -f "$stamp" ] && return 0
    for file in "requirements/$what.lock" pyproject.toml; do
        [ "$file" -nt "$stamp" ] && return 0
    done
    return 1
}

if newer_than_stamp; then
    if [ ! -x "$venv/bin/pip" ]; then
        python=$(find_python)
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        "$python" -c 'import ensurepip, venv' 2>/dev/null || want_packages "python$version-venv"
        say "Creating $venv with Python $version"
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    say "Installing the packages of requirements/$what.lock (once; a minute or so)"
    pip="$venv/bin/pip --disable-pip-version-check --quiet"
    $pip install --require-hashes -r "requirements/$what.lock"
    $pip install --no-deps --no-build-isolation --editable .
    touch "$stamp"
fi
if [ "$what" = test ]; then
    install_javascript
    want_chromium
fi
