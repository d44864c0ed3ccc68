"""News of prices: a rise before it takes effect, a drop when it does, to those who use the model."""
