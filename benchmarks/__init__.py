"""Speed beside other libraries. Not installed with the course; run from a checkout."""

# what `python -m benchmarks --cases` can be asked for: see `benchmarks.cases`
GROUPS = ("headline", "grid", "two-cores", "bidirectional", "long")
