"""Automatic top-ups: a saved card is charged when the balance falls below a bound, as far as a person agreed to it."""
