"""Speed beside other libraries. Not installed with the course; run from a checkout."""
