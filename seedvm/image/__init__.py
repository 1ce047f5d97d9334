"""The golden image and the deploy ramdisk: from elements (elements/) to files that Ironic takes.

diskimage-builder makes root trees; what is here turns them into files without device-mapper, loop devices or mounts of its own.
"""
