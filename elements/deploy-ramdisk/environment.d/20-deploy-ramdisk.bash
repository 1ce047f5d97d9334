# The tree becomes an initramfs; the kernel's package need not make another one.
export INITRD=No
