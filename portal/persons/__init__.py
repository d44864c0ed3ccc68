"""What the portal knows of a person: given to them, and taken away on request."""
