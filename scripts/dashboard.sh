#!/bin/sh
# Build the dashboard into web/dist, if its sources have changed since. Needs Node.js 20 and npm.
# Laird runs without it, too: where there is no Node.js, say so and go on.
set -eu
cd "$(dirname "$0")/../web"

say() { printf '%s\n' "$*" >&2; }

up_to_date() {
    [ -f dist/index.html ] &&
        [ -z "$(find src public index.html package-lock.json vite.config.ts -newer dist/index.html -print -quit)" ]
}

up_to_date && exit 0
if ! command -v npm >/dev/null 2>&1 || ! node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null; then
    say "The dashboard needs Node.js 20 or newer with npm to be built, and there is none."
    say "Install it from https://nodejs.org (macOS: brew install node) and run make dashboard."
    [ "${1:-}" != required ] && exit 0
    exit 1
fi
if [ ! -f node_modules/.laird-stamp ] || [ package-lock.json -nt node_modules/.laird-stamp ]; then
    say "Installing the packages of web/package-lock.json (once; a minute or so)"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    touch node_modules/.laird-stamp
fi
say "Building the dashboard"
npm run --silent build >&2
touch dist/index.html
