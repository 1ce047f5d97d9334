export DISTRO_NAME=debian
export DIB_RELEASE=trixie
export DIB_INIT_SYSTEM=systemd
