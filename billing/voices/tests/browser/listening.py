"""Whether a browser plays what an audio element points to."""

from playwright.sync_api import Locator

# Muted, because no person has clicked; seconds of the whole sound, once some of it was heard.
PLAY = """async audio => {
    audio.muted = true;
    await audio.play();
    while (!audio.currentTime) await new Promise(done => setTimeout(done, 20));
    audio.pause();
    return [audio.duration, audio.readyState];
}"""


def heard(audio: Locator) -> float:
    """Seconds of the sound. The browser's own error is raised where it does not load, or cannot be played."""
    seconds, ready = audio.evaluate(PLAY)
    assert ready >= 2  # there is sound for where it is played
    return float(seconds)
