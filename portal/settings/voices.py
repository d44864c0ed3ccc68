"""Voices: where their files lie, and the program that works on them."""

import shlex
import sys

from portal.settings.env import BASE_DIR, HOME, env

# Clips, conditionings, engine versions and logs; shared by the web processes and the voice worker.
VOICE_ROOT = env.str("VOICE_ROOT", "") or str(HOME / "voices")
# What the voice worker starts for each job: the interpreter of an environment that has the engine.
VOICE_PIPELINE_CMD = shlex.split(env.str("VOICE_PIPELINE_CMD", "")) or [sys.executable, "-m", "voice_pipeline"]
VOICE_PIPELINE_DIR = str(BASE_DIR)  # where it is started, so that the module is found
