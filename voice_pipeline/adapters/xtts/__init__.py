"""XTTS by the code of coqui-tts. Needs the environment of requirements-voice.txt and an engine folder with weights."""
