"""Unrolled: recurrent neural networks, cell by cell."""
