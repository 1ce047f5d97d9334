#!/bin/bash
# Builds the golden image and the deploy ramdisk into build/cache/images/current (see seedvm/image/build.py).
#
#   build-appliance.sh [--force]   --force builds anew, with the packages that Debian has today
#
# SEEDVM_DEBIAN_MIRROR names a mirror of Debian, SEEDVM_DEBIAN_SECURITY_MIRROR one of its security archive.
set -euo pipefail
cd "$(dirname "$0")"

if ! [ -x .venv/bin/seedvm ]; then
    make host
fi
exec .venv/bin/seedvm image build "$@"
