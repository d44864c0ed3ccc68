"""What a model is for, as far as its name and its meters tell. Pure."""

from collections.abc import Iterable

# In this order; the first word found in the model's name decides.
NAMES = (
    ("rerank", "rerank"),
    ("ocr", "ocr"),
    ("moderation", "moderation"),
    ("embed", "embedding"),
    ("/bge-", "embedding"),
    ("bge-", "embedding"),
    ("gte-", "embedding"),
    ("whisper", "transcription"),
    ("transcribe", "transcription"),
    ("scribe", "transcription"),
    ("-tts", "speech"),
    ("tts-", "speech"),
    ("sora", "video"),
    ("veo-", "video"),
    ("dall-e", "image"),
    ("imagen", "image"),
    ("gpt-image", "image"),
    ("-image", "image"),
)
METERS = (
    ("video_seconds", "video"),
    ("images", "image"),
    ("pages", "ocr"),
    ("input_characters", "speech"),
    ("audio_input_seconds", "transcription"),
    ("searches", "rerank"),
)


def modality_of(provider: str, model: str, meters: Iterable[str]) -> str:
    """text, embedding, image, video, speech, transcription, realtime, rerank, ocr, moderation."""
    found = set(meters)
    name = model.lower()
    chat = {"input_tokens", "output_tokens"} <= found
    if "transcribe" not in name and ("realtime" in name or found & {"audio_seconds"}):
        return "realtime"
    for word, modality in NAMES:
        if word in name and not (chat and modality in ("embedding", "rerank", "ocr", "moderation")):
            return modality
    if provider == "voyageai":
        return "embedding"
    if "output_tokens" not in found:
        for meter, modality in METERS:
            if meter in found:
                return modality
    return "text"
