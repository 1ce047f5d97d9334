"""The golden image: how long its build takes, how large it is and what takes the space, how fast the agent writes it to a disk.

Three parts, each beside its peer in the same run; `build` needs an hour on a slow machine, `size` and `write` weigh what is built already.

    build   against the bare lower bound (mmdebstrap of the same packages and mke2fs) and against disk-image-create of the same elements;
            each begins with nothing but the mirror, and with `--offline DIR` (seedvm image mirror) none waits for a network
    size    the compressed qcow2 against the limit, with a table
    write   the agent of the deploy ramdisk against dd, on a loop device whose file lies in build/

Root; build/ needs 15 GB of space.
"""
