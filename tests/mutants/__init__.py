"""The mutation gate: rules broken on purpose, one at a time, and a test that must notice each (docs/mutants.md)."""
