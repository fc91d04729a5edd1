"""The benchmark: compares the site with a Django equivalent of the tutorial's sample, and with the machine's limits.

`benches/run.sh` starts it. `__main__.py` defines the order of the measurements. Each file in `rows/` measures a group of
rows of the table in docs/performance.md.
"""
