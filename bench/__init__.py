"""Benches: seedvm against a named peer or a stated limit, measured in one run on one machine. Shipped code imports none of them.

A bench is a module `bench/NAME.py` (or a package `bench/NAME/`) whose docstring's first line says what it measures. It runs as
`python -m bench.NAME [--json]` (or `make bench-NAME`), prints one line per figure with its ratio, and with `--json` one object as
the last line of standard output. It ends with 0 if every aim was met, with 1 if one was missed. `make bench` lists them.
`bench.common.run_bench` does all of that; a bench only measures and returns its figures.
"""
