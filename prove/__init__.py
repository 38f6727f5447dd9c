"""Proofs: real server processes, real HTTP, real kills; run as `python -m prove`, or `make prove`."""
