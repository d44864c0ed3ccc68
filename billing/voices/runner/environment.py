"""What the child may know of our environment: a list of names, so that no secret reaches it."""

from collections.abc import Mapping
from pathlib import Path

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VOICE_THREADS", "CUDA_VISIBLE_DEVICES", "TTS_HOME")


def child_environment(ours: Mapping[str, str], root: Path) -> dict[str, str]:
    """`root` is the only folder below which the child's paths may lie."""
    kept = {name: ours[name] for name in KEPT if name in ours}
    return kept | {"VOICE_ROOTS": str(root), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
