"""The interface of partners' own software."""
