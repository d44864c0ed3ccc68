"""XTTS's side of the interface."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import soundfile
from pydantic import BaseModel

from voice_pipeline import conditionings, stopping
from voice_pipeline.adapters.base import Description, TrainingClip, Verdict
from voice_pipeline.adapters.xtts import installed
from voice_pipeline.adapters.xtts.folder import Folder
from voice_pipeline.adapters.xtts.options import TIER_OPTIONS, ConditionOptions, SampleOptions, TrainOptions
from voice_pipeline.contract import EngineUnavailable, Refused
from voice_pipeline.files import whole
from voice_pipeline.reporting import Report

KIND = "xtts"
LATENT, SPEAKER = "gpt_cond_latent", "speaker_embedding"
SPEAKER_SHAPE = (1, 512, 1)


def load(folder: Path | None) -> "XttsEngine":
    """The version in a folder. Raises EngineUnavailable."""
    installed.require()
    if folder is None:
        raise EngineUnavailable("engine_dir is missing: XTTS has no built-in version")
    return XttsEngine(Folder(folder))


class XttsEngine:
    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    @property
    def rate(self) -> int:
        return int(self._args.input_sample_rate)

    def describe(self) -> Description:
        import torch

        args = self._args
        return Description(
            kind=KIND,
            is_test=self._folder.is_test,
            version=self._folder.version,
            trains=not self._folder.missing_to_train,
            speaks=True,
            # No bar has been shown to tell people apart with this encoder.
            calibrated=False,
            rate=int(args.output_sample_rate),
            languages=list(self._folder.config.languages),
            device="cuda" if torch.cuda.is_available() else "cpu",
            own={"layers": args.gpt_layers, "width": args.gpt_n_model_channels},
        )

    def condition(self, clips: Sequence[Path], out: Path, options: BaseModel, tier: str | None) -> dict[str, list[int]]:
        assert isinstance(options, ConditionOptions)  # noqa: S101 - the spec was parsed with this model
        given = options.model_dump(exclude_unset=True)
        used = ConditionOptions.model_validate(TIER_OPTIONS.get(tier or "", {}) | given)
        tensors = self._latents(clips, used)
        if not conditionings.finite(tensors):
            raise Refused("the conditioning came out with numbers that are none")
        conditionings.write(out, tensors, kind=KIND, version=self._folder.version, tier=tier, options=used)
        return {name: list(tensor.shape) for name, tensor in tensors.items()}

    def verify(self, conditioning: Path, clips: Sequence[Path]) -> Verdict:
        """Scores are cosines of the model's own speaker encoder. Fine-tuning does not change it, so they say nothing of
        how a trained version speaks; a sample does."""
        tensors = conditionings.read(conditioning, KIND, self._folder.version)
        shape = conditionings.misfit(tensors, self._shapes)
        finite = conditionings.finite(tensors)
        if shape or not finite:
            return Verdict(finite=finite, shape=shape, scores=[])
        stored = tensors[SPEAKER].ravel()
        scores = []
        for clip in clips:
            one = self._latents([clip], ConditionOptions())[SPEAKER].ravel()
            scores.append(float(one @ stored) / max(float((one @ one) ** 0.5 * (stored @ stored) ** 0.5), 1e-9))
        return Verdict(finite=finite, shape="", scores=scores)

    def sample(self, conditioning: Path, text: str, language: str, out: Path, options: BaseModel) -> None:
        assert isinstance(options, SampleOptions)  # noqa: S101 - the spec was parsed with this model
        tensors = conditionings.read(conditioning, KIND, self._folder.version)
        if problem := conditionings.misfit(tensors, self._shapes):
            raise Refused(f"the conditioning cannot be used: {problem}")
        wave = self._spoken(tensors, text, language, options)
        with whole(out) as part:
            soundfile.write(part, wave, int(self._args.output_sample_rate), subtype="PCM_16", format="WAV")

    def unfit(self, clips: Sequence[TrainingClip]) -> list[str]:
        from voice_pipeline.adapters.xtts.training import unfit

        return unfit(self._folder, clips)

    def train(
        self, clips: Sequence[TrainingClip], work: Path, options: BaseModel, resume: Path | None, report: Report
    ) -> dict[str, Any]:
        from voice_pipeline.adapters.xtts.training import train

        assert isinstance(options, TrainOptions)  # noqa: S101 - the spec was parsed with this model
        return train(self._folder, clips, work, options, resume, report)

    def export(self, run: Path, out: Path) -> None:
        from voice_pipeline.adapters.xtts.versions import export

        export(self._folder, run, out)

    @property
    def _args(self) -> Any:
        return self._folder.config.model_args

    @property
    def _shapes(self) -> dict[str, tuple[int | None, ...]]:
        return {LATENT: (1, None, int(self._args.gpt_n_model_channels)), SPEAKER: SPEAKER_SHAPE}

    @cached_property
    def _model(self) -> Any:
        import torch
        from TTS.tts.models.xtts import Xtts

        if self._folder.is_original:
            raise EngineUnavailable(f"{self._folder.path.name} is an original checkpoint: make a version with export")
        with stopping.interruptible():
            model = Xtts(self._folder.config)
            try:
                model.load_checkpoint(self._folder.config, checkpoint_dir=str(self._folder.path), eval=True)
            except RuntimeError as error:
                raise EngineUnavailable(f"{self._folder.path.name} does not fit its config: {error}") from error
        return model.cuda() if torch.cuda.is_available() else model

    def _latents(self, clips: Sequence[Path], options: ConditionOptions) -> conditionings.Tensors:
        model = self._model
        with stopping.interruptible():
            latent, speaker = model.get_conditioning_latents(
                audio_path=[str(clip) for clip in clips], **options.model_dump()
            )
        return {LATENT: latent.float().cpu().numpy(), SPEAKER: speaker.float().cpu().numpy()}

    def _spoken(self, tensors: conditionings.Tensors, text: str, language: str, options: SampleOptions) -> Any:
        import torch

        if language not in self._folder.config.languages:
            raise Refused(f"the engine does not speak {language}: it speaks {', '.join(self._folder.config.languages)}")
        model, most = self._model, int(self._args.gpt_max_text_tokens)
        if len(model.tokenizer.encode(text.strip().lower(), lang=language)) >= most:
            raise Refused(f"the text is too long for the engine: fewer than {most} tokens are needed")
        torch.manual_seed(options.seed)
        tokens_a_second = self._args.input_sample_rate / self._args.gpt_code_stride_len
        # Beyond its own limit the model has no positions left, and breaks.
        longest = min(int(options.max_seconds * tokens_a_second), int(model.gpt.max_gen_mel_tokens))
        with stopping.interruptible():
            found = model.inference(
                text,
                language,
                torch.from_numpy(tensors[LATENT]),
                torch.from_numpy(tensors[SPEAKER]),
                max_new_tokens=max(1, longest),
                **options.model_dump(exclude={"seed", "max_seconds"}),
            )
        return found["wav"]
