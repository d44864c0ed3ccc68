"""Voices that customers have made of recordings of their own: quoted, held for, and charged once they are verified."""
