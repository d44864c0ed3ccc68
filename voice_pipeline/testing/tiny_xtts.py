"""An XTTS engine of the real classes with few, random weights: 300 MB, and it makes noise.

    .venv-voice/bin/python -m voice_pipeline.testing.tiny_xtts FOLDER [--original]

With --original the checkpoint holds an object of the makers' code, as the published ones do.
"""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from voice_pipeline.adapters.xtts import installed
from voice_pipeline.adapters.xtts.folder import TEST_ENGINE

WIDTH, LAYERS = 64, 2
CORPUS = "the quick brown fox jumps over the lazy dog, and good morning to all of you! is it not so?"


def make(folder: Path, *, original: bool = False) -> None:
    installed.require()
    import torch
    from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
    from TTS.tts.layers.xtts.dvae import DiscreteVAE
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts, _legacy_safe_globals

    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    _vocabulary(XttsConfig().languages).save(str(folder / "vocab.json"))
    args = XttsArgs(
        gpt_layers=LAYERS,
        gpt_n_model_channels=WIDTH,
        gpt_n_heads=2,
        gpt_max_audio_tokens=250,
        gpt_num_audio_tokens=1_026,
        gpt_start_audio_token=1_024,
        gpt_stop_audio_token=1_025,
        gpt_use_perceiver_resampler=True,
        decoder_input_dim=WIDTH,  # must be the width of the language model
    )
    config = XttsConfig(model_args=args)
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(str(folder / "vocab.json"))
    model.init_models()
    # The published files name the classes of the configuration by the place where they lay then.
    with _legacy_safe_globals() if original else nullcontext():
        kept = config if original else config.to_dict()
        torch.save({"model": model.state_dict(), "config": kept}, folder / "model.pth")
    config.save_json(str(folder / "config.json"))
    dvae = DiscreteVAE(
        channels=80,
        normalization=None,
        positional_dims=1,
        num_tokens=1_024,
        codebook_dim=512,
        hidden_dim=512,
        num_resnet_blocks=3,
        kernel_size=3,
        num_layers=2,
        use_transposed_convs=False,
    )
    torch.save(dvae.state_dict(), folder / "dvae.pth")
    torch.save(torch.ones(80), folder / "mel_stats.pth")
    (folder / TEST_ENGINE).write_text("Random weights: this engine makes noise.\n")


def _vocabulary(languages: list[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    # The trainer's data set counts on 0 for the end and 1 for the unknown.
    special = ["[STOP]", "[UNK]", "[SPACE]", *(f"[{language}]" for language in languages), "[START]"]
    letters = list("abcdefghijklmnopqrstuvwxyz.,!?'-")
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=special, initial_alphabet=letters)
    tokenizer.train_from_iterator([CORPUS], trainer)
    return tokenizer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--original", action="store_true")
    given = parser.parse_args(sys.argv[1:])
    make(given.folder, original=given.original)
