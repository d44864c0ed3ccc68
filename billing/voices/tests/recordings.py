"""Recordings by the pipeline's own synthesiser, made in a process of its own: we import none of it."""

import json
import subprocess
import sys
from pathlib import Path

MAKE = """
import sys, numpy, soundfile
from voice_pipeline.adapters.light.speech import Speaker, speak
for name, speaker in (("ada", Speaker(pitch=205.0, tract=1.12)), ("bob", Speaker(pitch=105.0, tract=0.9))):
    for number in range(2):
        text = "the quick brown fox jumps over the lazy dog and many more animals look at it " + "again " * number
        sound = speak(text, speaker, 22_050, seed=number + 1).astype(float)
        soundfile.write(f"{sys.argv[1]}/{name}{number}.wav", sound, 22_050)
noise = numpy.random.default_rng(1).standard_normal(len(sound)) * 0.2
soundfile.write(f"{sys.argv[1]}/noisy.wav", sound + noise, 22_050)
soundfile.write(f"{sys.argv[1]}/short.flac", sound[:22_050], 22_050)
soundfile.write(f"{sys.argv[1]}/silence.flac", numpy.zeros(22_050 * 900), 22_050)
"""
# Short, so that a step of training is quick.
LINES = ("the quick brown fox", "jumps over the lazy dog", "good morning to you", "is it not so", "and welcome all")
SAY = """
import json, sys, soundfile
from voice_pipeline.adapters.light.speech import Speaker, speak
for number, text in enumerate(json.loads(sys.argv[2])):
    sound = speak(text, Speaker(pitch=205.0, tract=1.12), 22_050, seed=number).astype(float)
    soundfile.write(f"{sys.argv[1]}/{number}.wav", sound, 22_050)
"""


def recorded(folder: Path) -> dict[str, bytes]:
    """Two good recordings each of ada and bob, and one each that is noisy, short and silent."""
    subprocess.run([sys.executable, "-c", MAKE, str(folder)], check=True)
    return {path.stem: path.read_bytes() for path in folder.iterdir()}


def training_data(folder: Path) -> None:
    """Five spoken lines and their manifest; the last one is held out."""
    subprocess.run([sys.executable, "-c", SAY, str(folder), json.dumps(LINES)], check=True)
    lines = [
        {"audio_file": f"{number}.wav", "text": text, "eval": number == len(LINES) - 1}
        for number, text in enumerate(LINES)
    ]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
