from django.db import migrations

# key, label, unit, contained in, platform; in the order of lists
METERS = [
    ("input_tokens", "Input tokens", "token", None, False),
    ("cached_input_tokens", "Cached input tokens", "token", "input_tokens", False),
    ("cache_write_tokens", "Cache write tokens", "token", "input_tokens", False),
    ("cache_write_5m_tokens", "Cache write tokens, 5 minutes", "token", "cache_write_tokens", False),
    ("cache_write_1h_tokens", "Cache write tokens, 1 hour", "token", "cache_write_tokens", False),
    ("output_tokens", "Output tokens", "token", None, False),
    ("reasoning_tokens", "Reasoning tokens", "token", "output_tokens", False),
    ("embedding_tokens", "Embedding tokens", "token", None, False),
    ("input_characters", "Input characters", "character", None, False),
    ("audio_input_seconds", "Audio input", "second", None, False),
    ("audio_output_seconds", "Audio output", "second", None, False),
    ("audio_seconds", "Audio", "second", None, False),
    ("images", "Images", "image", None, False),
    ("video_seconds", "Video", "second", None, False),
    ("requests", "Requests", "request", None, False),
    ("pages", "Pages", "page", None, False),
    ("annotated_pages", "Annotated pages", "page", "pages", False),
    ("searches", "Searches", "search", None, False),
    ("messages", "Messages", "message", None, True),
    ("call_minutes", "Call minutes", "minute", None, True),
    ("container_days", "Container days", "day", None, True),
    ("deployments", "Deployments", "deployment", None, True),
    ("storage_gb_days", "Storage GB-days", "GB-day", None, True),
    ("voice_clones", "Voice clones", "clone", None, True),
    ("premium_feature_tokens", "Premium feature tokens", "token", None, True),
    ("static_messages", "Static messages", "message", None, True),
    ("api_calls", "API calls", "call", None, True),
    ("function_calls", "Function calls", "call", None, True),
    ("logic_steps", "Logic steps", "step", None, True),
    ("input_text_tokens", "Text input tokens", "token", "input_tokens", False),
    ("input_audio_tokens", "Audio input tokens", "token", "input_tokens", False),
    ("input_image_tokens", "Image input tokens", "token", "input_tokens", False),
    ("input_video_tokens", "Video input tokens", "token", "input_tokens", False),
    ("input_tool_tokens", "Tool input tokens", "token", "input_tokens", False),
    ("cache_audio_read_tokens", "Cached audio tokens", "token", "cached_input_tokens", False),
    ("cache_image_read_tokens", "Cached image tokens", "token", "cached_input_tokens", False),
    ("cache_text_read_tokens", "Cached text tokens", "token", "cached_input_tokens", False),
    ("cache_video_read_tokens", "Cached video tokens", "token", "cached_input_tokens", False),
    ("cache_audio_write_tokens", "Audio cache write tokens", "token", "cache_write_tokens", False),
    ("output_text_tokens", "Text output tokens", "token", "output_tokens", False),
    ("output_audio_tokens", "Audio output tokens", "token", "output_tokens", False),
    ("output_image_tokens", "Image output tokens", "token", "output_tokens", False),
    ("output_video_tokens", "Video output tokens", "token", "output_tokens", False),
    ("output_citation_tokens", "Citation tokens", "token", "output_tokens", False),
    ("input_images", "Input images", "image", None, False),
    ("output_pixels", "Generated pixels", "pixel", None, False),
    ("input_pixels", "Input pixels", "pixel", None, False),
    ("video_input_seconds", "Video input", "second", None, False),
    ("web_searches", "Web searches", "search", None, False),
    ("storage_searches", "Storage searches", "search", None, False),
    ("social_searches", "Social searches", "search", None, False),
    ("code_executions", "Code executions", "call", None, False),
    ("input_text_messages", "Text messages to the model", "message", None, False),
    ("ocr_credits", "OCR credits", "credit", None, False),
]


def add_meters(apps, schema_editor):
    meter = apps.get_model("pricing", "Meter")
    for position, (key, label, unit, parent, platform) in enumerate(METERS, start=1):
        meter.objects.update_or_create(
            key=key,
            defaults={
                "label": label,
                "unit": unit,
                "contained_in_id": parent,
                "platform": platform,
                "position": position * 10,
            },
        )
    apps.get_model("pricing", "PriceRevision").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    """The meters every installation knows."""

    dependencies = [("pricing", "0002_makers_markup_revision")]

    operations = [migrations.RunPython(add_meters, migrations.RunPython.noop)]
