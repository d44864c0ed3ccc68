"""Works on voices as a program of its own; see README.md here and docs/voice-pipeline.md for its contract."""
