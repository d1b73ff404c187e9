"""How a run of the tests is spread over workers, and how it ends."""
