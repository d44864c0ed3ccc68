"""What the values of a breakdown are called."""

from billing.overview.words import meter_name

DIMENSIONS = {
    "model": "Model",
    "provider": "Provider",
    "meter": "Meter",
    "task": "Task",
    "project": "Project",
    "agent": "Agent",
    "app": "App",
    "key": "API key",
    "end_user": "End user",
}
WITHOUT = {
    "model": "Platform services",
    "provider": "Platform",
    "key": "No key",
}


PLATFORM = "platform"  # the provider of what has no model: messages, minutes, containers


def value_name(by: str, key: str, name: str) -> str:
    """`name` is what metering calls the value; `key` is what filters by it."""
    if key == PLATFORM and by in ("model", "provider"):
        return WITHOUT[by]
    if key == "":
        return name if name == "Other" else WITHOUT.get(by, f"No {DIMENSIONS[by].lower()}")
    if by == "meter":
        return meter_name(key)
    if by == "task":
        return key.replace("_", " ").replace("-", " ").capitalize()
    return name


def short_model(ref: str) -> str:
    """ "openai/gpt-4o-mini" → "gpt-4o-mini"."""
    return WITHOUT["model"] if ref == PLATFORM else ref.partition("/")[2] or ref
