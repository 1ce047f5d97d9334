"""Ironic and Heat at work: metadata, images, inspection, progress, recovery, ownership."""
