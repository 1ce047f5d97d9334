#!/bin/bash
# Every test, to the end whatever fails; the exit code tells whether something did.
#
# An emulated machine takes minutes and a core: the longest story of tests/qemu runs beside the others, and two cores are at work for
# as long as one was. What it says comes when both are over.

set -euo pipefail
cd "$(dirname "$0")/.."

readonly BESIDE=tests/qemu/test_4_metal.py SAID=build/test-metal.log
PYTEST=(.venv/bin/python -m pytest -p no:cacheprovider)
FAILED=0 OTHER=

# An end before its time is waited for: that story takes its rack away. Ctrl-C has reached it too.
trap wait EXIT
trap 'exit 130' INT
trap '[ -z "$OTHER" ] || kill -INT "$OTHER" || true; exit 143' TERM

mkdir -p build
"${PYTEST[@]}" tests/rules tests/unit tests/contract tests/tui || FAILED=1
"${PYTEST[@]}" "$BESIDE" >"$SAID" 2>&1 &
OTHER=$!
"${PYTEST[@]}" tests/qemu --ignore="$BESIDE" || FAILED=1
wait "$OTHER" || FAILED=1
OTHER=
cat "$SAID"
"${PYTEST[@]}" tests/e2e || FAILED=1
exit "$FAILED"
