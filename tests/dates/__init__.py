"""The suite at instants that are hard on calendars (`make test-dates`; docs/test-dates.md)."""
