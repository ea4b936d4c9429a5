"""How instants and numbers are written, by language (FORMAT_MODULE_PATH): the same short way in all three."""
