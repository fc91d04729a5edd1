"""The benchmark: the site beside a Django equivalent of the tutorial's sample, and beside what the machine can do.

Started by `benches/run.sh`. `__main__.py` has the order of work; each file of `rows/` measures one group of rows of
the table in docs/performance.md.
"""
