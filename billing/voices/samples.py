"""What a voice says to be listened to: the same sentence on every version, so that two can be compared."""

SENTENCES = {
    "de": "Guten Tag. Dies ist eine Probe dieser Stimme, damit Sie hören, wie sie klingt.",
    "en": "Good morning. This is a sample of this voice, so that you can hear how it sounds.",
    "es": "Buenos días. Esta es una muestra de esta voz, para que oiga cómo suena.",
    "fr": "Bonjour. Voici un exemple de cette voix, pour que vous entendiez comment elle sonne.",
    "it": "Buongiorno. Questo è un esempio di questa voce, per farle sentire come suona.",
    "pt": "Bom dia. Esta é uma amostra desta voz, para que ouça como soa.",
}


def sentence(language: str) -> str:
    """In the language, or in English where there is none for it."""
    return SENTENCES.get(language.partition("-")[0].lower(), SENTENCES["en"])
