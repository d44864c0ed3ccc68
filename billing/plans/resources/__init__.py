"""Infrastructure billed by the day, and the warning before it is shut down."""
