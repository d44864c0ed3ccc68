"""Which model a reference means. Pure: no Django, no database."""

import re
from collections.abc import Container, Iterable

Key = tuple[str, str]  # provider, model

# Names other tools use for the same seller (LiteLLM's prefixes, vendors' own spellings).
PROVIDER_ALIASES = {
    "gemini": "google",
    "google_genai": "google",
    "google-ai-studio": "google",
    "xai": "x-ai",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "amazon-bedrock": "aws",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
    "voyage": "voyageai",
    "moonshot": "moonshotai",
    "mistralai": "mistral",
    "cohere_chat": "cohere",
    "azure-openai": "azure",
    "vertex-ai": "vertex_ai",
}
# A snapshot of a model ("claude-sonnet-4-5-20250929", "gpt-4o-2024-08-06") costs what the model costs.
SNAPSHOT = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d)$")


class Catalogue:
    """Looks references up among all known models, without regard to case.

    `further` are models of catalogues that were added to those Purser comes with. A bare name means one of them only
    when nobody else has it: adding a catalogue must not make a name ambiguous that meant one model before.
    """

    def __init__(
        self, models: Iterable[tuple[str, str, list[str], bool, str]], further: Container[Key] = frozenset()
    ) -> None:
        self._exact: dict[str, Key] = {}
        self._aliases: dict[str, Key] = {}
        self._bare: dict[str, set[Key]] = {}
        self._makers: dict[str, set[Key]] = {}
        self._further: dict[str, set[Key]] = {}
        self._modality: dict[Key, str] = {}
        for provider, model, aliases, by_maker, modality in models:
            key = (provider, model)
            self._modality[key] = modality
            self._exact[f"{provider}/{model}".lower()] = key
            for name in (model, *aliases):
                bare = name.lower()
                self._aliases.setdefault(f"{provider}/{bare}".lower(), key)
                if key in further:
                    self._further.setdefault(bare, set()).add(key)
                    continue
                self._bare.setdefault(bare, set()).add(key)
                if by_maker:
                    self._makers.setdefault(bare, set()).add(key)

    def find(self, ref: str) -> Key | None:
        """ "provider/model", an alias of it, or a bare name that means one model; a dated snapshot as last resort."""
        name = ref.strip().lower()
        found = self._find(name)
        if found is None and SNAPSHOT.search(name):
            found = self._find(SNAPSHOT.sub("", name))
        return found

    def modality(self, key: Key) -> str:
        return self._modality.get(key, "")

    def _find(self, name: str) -> Key | None:
        found = self._exact.get(name) or self._aliases.get(name)
        if found:
            return found
        provider, _, model = name.partition("/")
        if provider in PROVIDER_ALIASES and model:
            other = f"{PROVIDER_ALIASES[provider]}/{model}"
            found = self._exact.get(other) or self._aliases.get(other)
            if found:
                return found
        known = self._bare.get(name)
        for candidates in (known, self._makers.get(name), None if known else self._further.get(name)):
            if candidates and len(candidates) == 1:
                return next(iter(candidates))
        return None
