"""The operator's directory export: read in all its mess, staged, previewed, applied."""
