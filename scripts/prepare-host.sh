#!/bin/bash
# Makes this machine ready: says by name what is missing and how to cure it, installs missing Debian packages, makes .venv.
#
#   prepare-host.sh venv    the virtual environment alone (lint, types, unit tests); needs no root
#   prepare-host.sh all     everything that the virtual rack and the images need
#   prepare-host.sh test    that, and the servers and simulators which contract tests start (installed, not started here)
#
# Safe to run again: what is there is left alone. It refuses to change anything while a need that it cannot cure is unmet.
# apt's and pip's own words go to build/prepare-host.log; where one of them fails, the last of them are shown.

set -euo pipefail
cd "$(dirname "$0")/.."

readonly VENV=.venv
readonly LOG=build/prepare-host.log
PATH=${PATH//"$PWD/$VENV/bin:"/} # a virtual environment is not made of itself
readonly LEAST_MEMORY_MIB=20000
readonly LEAST_DISK_GIB=25
readonly PACKAGES=(
    arch-test ca-certificates cpio curl debian-archive-keyring debootstrap dnsmasq-base dosfstools e2fsprogs fdisk file
    gcc gdisk git iproute2 ipmitool iputils-ping jq kpartx libarchive-tools libvirt-dev mmdebstrap mtools nftables openssh-client openssl
    pigz pkg-config procps psmisc python3-dev python3-venv qemu-utils rsync shellcheck sudo systemd-container tmux uidmap util-linux xorriso xz-utils zstd
)
readonly TEST_PACKAGES=(
    chromium galera-4 mariadb-server openipmi
    freeipmi-ipmidetect ipmiutil nmap # what bench/scan measures against
    dbus ipxe-qemu libvirt-clients libvirt-daemon-system ovmf qemu-system-x86 # the laptop, and machines with real firmware
    grub-efi-amd64-signed ipxe shim-signed # what such machines are offered
)

say() { printf '>> %s\n' "$*"; }

# quietly WHAT COMMAND...: one line that says what is done and how long it took.
quietly() {
    local what=$1 status=0 begin=$SECONDS
    shift
    mkdir -p "${LOG%/*}"
    printf '>> %s: ' "$what"
    "$@" >"$LOG" 2>&1 || status=$?
    if [ "$status" -eq 0 ]; then
        printf 'done in %d s\n' $((SECONDS - begin))
        return
    fi
    printf 'FAILED after %d s\n' $((SECONDS - begin))
    {
        tail -n 25 "$LOG"
        printf 'prepare-host: %s failed with exit code %d; its whole output is in %s\n' "$what" "$status" "$PWD/$LOG"
    } >&2
    exit 1
}

MISSING=()
missing() { MISSING+=("$1: $2"); }

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

check_kernel() {
    if ! [ -e /dev/loop-control ] || ! losetup -f >/dev/null 2>&1; then
        missing "loop devices" "modprobe loop; in a container give it /dev/loop-control and the right to make loop devices"
    fi
    local name
    for name in ext4 overlay cgroup2; do
        grep -qw "$name" /proc/filesystems || modprobe -q "$name" 2>/dev/null \
            || missing "file system $name" "modprobe $name, or a kernel that has it"
    done
    unshare --mount --net true 2>/dev/null \
        || missing "namespaces" "run on a kernel with mount and network namespaces; in a container with CAP_SYS_ADMIN"
    unshare --net sh -c 'ip link add seedvm-a type veth peer name seedvm-b && ip link add seedvm-c type bridge' 2>/dev/null \
        || ! command -v ip >/dev/null || missing "veth and bridge devices" "modprobe -a veth bridge"
}

check_room() {
    local memory disk
    memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
    [ "$memory" -ge "$LEAST_MEMORY_MIB" ] \
        || missing "memory: $memory MiB" "the rack needs $LEAST_MEMORY_MIB MiB; close other programs or take a larger machine"
    mkdir -p build
    disk=$(df --output=avail -BG build | tail -1 | tr -dc 0-9)
    [ "$disk" -ge "$LEAST_DISK_GIB" ] \
        || missing "disk: $disk GiB free for build/" "images and disks need $LEAST_DISK_GIB GiB; free some, or make build/ a link elsewhere"
}

check_needs() {
    [ "$(id -u)" = 0 ] || missing "root" "run it again as root: namespaces, loop devices and containers need it"
    command -v apt-get >/dev/null || missing "apt-get" "use Debian 12 or newer"
    if [ "$(id -u)" = 0 ]; then
        check_kernel
    fi
    check_room
    if [ "${#MISSING[@]}" -gt 0 ]; then
        printf 'this machine lacks:\n' >&2
        printf '  %s\n' "${MISSING[@]}" >&2
        exit 1
    fi
}

install_packages() {
    local wanted=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || wanted+=("$name")
    done
    if [ "${#wanted[@]}" -eq 0 ]; then
        return
    fi
    export DEBIAN_FRONTEND=noninteractive
    quietly "installing ${#wanted[@]} Debian packages" apt_install "${wanted[@]}"
}

apt_install() {
    apt-get update -q && without_services apt-get install -q -y --no-install-recommends "$@"
}

# A database that was here before goes on as it is; one that comes with us does not start with the machine.
install_test_packages() {
    local before
    before=$(dpkg-query -W -f '${db:Status-Status}' mariadb-server 2>/dev/null || true)
    install_packages "${TEST_PACKAGES[@]}"
    if [ "$before" != installed ]; then
        systemctl disable --quiet mariadb.service openipmi.service 2>/dev/null || true
    fi
}

# What is installed here is for namespaces, images and tests: none of it is to run on this machine.
without_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    "$@" || status=$?
    rm -f "$policy"
    return "$status"
}

# make_venv desk|host: .venv as requirements/ pins it, each file by its hash. An environment that holds this and more is left alone.
make_venv() {
    local kind=$1 python stamp="$VENV/.made-of" made_of
    python=$(find_python)
    if [ -z "$python" ]; then
        printf 'this machine lacks:\n  Python 3.11 or newer with venv: apt-get install python3-venv\n' >&2
        exit 1
    fi
    # Of pyproject.toml only what pip reads: a changed lint rule installs nothing.
    made_of="$("$python" --version) $(sed '/^\[tool.ruff\]/,$d' pyproject.toml | cat - requirements/*.txt | sha256sum)"
    if [[ "$(cat "$stamp" 2>/dev/null)" == "$made_of $kind"* ]] && "$VENV/bin/seedvm" --version >/dev/null 2>&1; then
        return
    fi
    quietly "making the virtual environment in $VENV with $("$python" --version)" fill_venv "$python" "$kind"
    printf '%s\n' "$made_of $kind" >"$stamp"
}

fill_venv() {
    "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || "$1" -m venv --clear "$VENV" || return
    pip_install --require-hashes --requirement requirements/desk.txt || return
    if [ "$2" = "desk host" ]; then
        pip_install --require-hashes --requirement requirements/host.txt || return
    fi
    pip_install --editable .
}

# Nothing is resolved, and nothing is fetched to build with: requirements/ names every file (scripts/lock.sh writes it).
pip_install() {
    "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar off --no-deps --no-build-isolation "$@"
}

case "${1:-}" in
    venv)
        make_venv desk
        ;;
    all | test)
        check_needs
        install_packages "${PACKAGES[@]}"
        if [ "$1" = test ]; then
            install_test_packages
        fi
        make_venv "desk host"
        say "this machine is ready"
        ;;
    *)
        sed -n '2,9s/^# \?//p' "$0" >&2
        exit 2
        ;;
esac
