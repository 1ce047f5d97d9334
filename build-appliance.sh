#!/bin/bash
# Builds the seed appliance: a disk image (raw and qcow2) that boots by UEFI and BIOS into the wizard and carries along the golden image
# and the deploy ramdisk. Beside it lie SHA-256 sums, a manifest and a bill of materials (SPDX). What did not change is not built again.
#
#   build-appliance.sh [--arch amd64] [--offline DIR] [--force]
#
#   --arch ARCH      architecture; one that cannot be built here is refused with the reason
#   --offline DIR    take packages from DIR and from nowhere else: the build has no network. `seedvm image mirror DIR` fills it
#                    on a machine that has one; a mirror of Debian does as well. This machine must have been made ready before.
#                      DIR/debian/           dists/trixie, dists/trixie-updates and pool/ of a mirror of Debian (amd64;
#                                            main and non-free-firmware)
#                      DIR/debian-security/  dists/trixie-security and pool/
#                      DIR/pypi/             wheels for Python 3.13 of what pyproject.toml depends on
#   --force          build from scratch, with the packages that Debian has today
#
# It ends in build/cache/appliance/current. SEEDVM_DEBIAN_MIRROR and SEEDVM_DEBIAN_SECURITY_MIRROR name other mirrors than those of
# this machine; SOURCE_DATE_EPOCH another time than 2026-01-01 for what is made.
set -euo pipefail
cd "$(dirname "$0")"

for word in "$@"; do
    if [ "$word" = --help ] || [ "$word" = -h ]; then
        sed -n '2,/^set /{/^#/s/^# \?//p}' "$0"
        exit 0
    fi
done
if ! [ -x .venv/bin/seedvm ]; then
    make host
fi
exec .venv/bin/seedvm image appliance "$@"
