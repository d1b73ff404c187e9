"""Real parts for tests: servers, toolchains, ports."""
