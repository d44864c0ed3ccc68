"""Details of old events: written to files, and then no longer kept in the database."""
