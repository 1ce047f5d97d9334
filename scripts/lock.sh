#!/bin/bash
# Resolve pyproject.toml's dependencies again and write requirements/: every package pinned, with the hash of every file.
#
#   requirements/image.txt   what the golden image carries in /opt/seedvm
#   requirements/desk.txt    .venv: that, and the extras dev and rack
#   requirements/host.txt    what is compiled against this machine's libvirt
#
# Run it (`make lock`) after a change of dependencies, or to take new releases. It needs the network, and changes nothing else.

set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check uv
# Without an upgrade, versions stay as they are wherever pyproject.toml still allows them.
resolve=("$scratch/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate)
if [ "${1:-}" = --upgrade ]; then
    resolve+=(--upgrade)
elif [ $# -gt 0 ]; then
    sed -n '2,8s/^# \?//p' "$0" >&2
    exit 2
fi
"${resolve[@]}" --extra dev --extra rack pyproject.toml --output-file requirements/desk.txt
"${resolve[@]}" --constraint requirements/desk.txt pyproject.toml --output-file requirements/image.txt
"${resolve[@]}" --extra host --constraint requirements/desk.txt pyproject.toml --output-file "$scratch/host.txt"
sed -n '/^libvirt-python/,/[^\\]$/p' "$scratch/host.txt" >requirements/host.txt
