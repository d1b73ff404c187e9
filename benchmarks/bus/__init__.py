"""The bus against what people would write instead; see ``benchmarks/README.md``."""
