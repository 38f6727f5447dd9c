"""`python -m orderhub` is `orderhub`."""

from __future__ import annotations

from orderhub.cli import main

if __name__ == "__main__":
    main()
