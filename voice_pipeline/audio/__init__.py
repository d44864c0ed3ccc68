"""Reference clips without deep learning: guarded decoding, quality, a light fingerprint."""
