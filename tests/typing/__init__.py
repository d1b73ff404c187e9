"""What type checkers must accept and must report; mypy reads it in `make lint`, pyright in a test."""
