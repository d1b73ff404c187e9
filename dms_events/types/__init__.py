"""The types of the DMS ``types`` package, one module for each of its files."""
