"""A test engine in numpy: all that a real engine does, at once and anywhere, but it speaks no voice.

A conditioning is the fingerprint of each clip. A trained version sees them through a small linear autoencoder that it
learns from the manifest, so its conditionings do not fit another version's: they must be rebuilt, as with real ones.
"""
