"""What the last days would have cost otherwise: on another model, with more caching, on another plan."""
