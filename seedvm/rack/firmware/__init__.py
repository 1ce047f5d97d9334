"""What a rack machine's firmware does: DHCP, TFTP and HTTP, iPXE scripts, disks and ramdisks, boot."""
