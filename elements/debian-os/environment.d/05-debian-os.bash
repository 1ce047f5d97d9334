export DIB_RELEASE=trixie
# Firmware of network cards lies beside main; nothing else comes from there.
export DIB_DEBIAN_COMPONENTS=main,non-free-firmware
# ifupdown is not in the image: the network belongs to systemd-networkd.
export DIB_APT_MINIMAL_CREATE_INTERFACES=0

# What this machine takes a suite's packages from; nothing when it is no Debian.
seedvm_mirror() {
    local listed
    listed=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null)
    awk -v security="$1" '$3 == "main" && $4 == "Debian" && ($2 ~ /-security$/) == security && $2 !~ /-(updates|backports)$/ {sub(/\/$/, "", $1); print $1; exit}' \
        <<<"$listed"
}
if [ -z "${SEEDVM_DEBIAN_MIRROR:-}" ]; then
    SEEDVM_DEBIAN_MIRROR=$(seedvm_mirror 0)
    SEEDVM_DEBIAN_SECURITY_MIRROR=${SEEDVM_DEBIAN_SECURITY_MIRROR:-$(seedvm_mirror 1)}
fi
if [ -n "$SEEDVM_DEBIAN_MIRROR" ]; then
    export DIB_DISTRIBUTION_MIRROR="$SEEDVM_DEBIAN_MIRROR"
fi
if [ -n "${SEEDVM_DEBIAN_SECURITY_MIRROR:-}" ]; then
    export DIB_DEBIAN_SECURITY_MIRROR="$SEEDVM_DEBIAN_SECURITY_MIRROR"
fi
unset -f seedvm_mirror
