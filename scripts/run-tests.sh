#!/bin/bash
# Every test, to the end whatever fails; the exit code tells whether something did. Words are names of parts (tests/run/parts.py).

set -euo pipefail
cd "$(dirname "$0")/.."

exec .venv/bin/python -m tests.run "$@"
