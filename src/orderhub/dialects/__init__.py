"""One folder per vendor. A folder with a `DIALECT` is found, mounted, documented and tested by itself."""
