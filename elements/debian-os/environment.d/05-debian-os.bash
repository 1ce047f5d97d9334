export DIB_RELEASE=trixie
# ifupdown is not in the image: the network belongs to systemd-networkd.
export DIB_APT_MINIMAL_CREATE_INTERFACES=0
if [ -n "${SEEDVM_DEBIAN_MIRROR:-}" ]; then
    export DIB_DISTRIBUTION_MIRROR="${SEEDVM_DEBIAN_MIRROR}"
fi
# The element's default lacks the folder, which not every mirror of security.debian.org forgives.
export DIB_DEBIAN_SECURITY_MIRROR="${SEEDVM_DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}"
