"""Fine-tuning of XTTS with the trainer of coqui-tts."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from voice_pipeline import stopping
from voice_pipeline.adapters.base import TrainingClip
from voice_pipeline.adapters.xtts.folder import MODEL, VOCABULARY, Folder
from voice_pipeline.adapters.xtts.options import TrainOptions
from voice_pipeline.contract import Cancelled, EngineUnavailable, PipelineError, Refused
from voice_pipeline.reporting import Report

LONGEST_SAMPLES = 255_995  # 11.6 s, as in the makers' recipe; the trainer skips longer clips without a word
SHORTEST_SECONDS = 0.5
LONGEST_TEXT = 200  # tokens
STOP, UNKNOWN = 0, 1  # tokens that the trainer refuses in a text
# Checkpoints hold the weights, two moments of the optimiser, and what only training needs; the best one is a copy.
CHECKPOINT_TIMES_MODEL = 3
CHECKPOINTS_ON_DISK = 3


def unfit(folder: Folder, clips: Sequence[TrainingClip]) -> list[str]:
    """What the trainer would skip, or draw others for until it breaks."""
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

    tokenizer = VoiceBpeTokenizer(str(folder.path / VOCABULARY))
    longest = LONGEST_SAMPLES / folder.config.model_args.input_sample_rate
    problems = []
    for number, clip in enumerate(clips, 1):
        stopping.check()
        if not SHORTEST_SECONDS <= clip.seconds <= longest:
            problems.append(f"line {number}: {clip.seconds:g} s; {SHORTEST_SECONDS:g} to {longest:.1f} s are needed")
        elif clip.language not in folder.config.languages:
            problems.append(f"line {number}: the engine does not know the language {clip.language}")
        elif problem := _unfit_text(tokenizer, clip):
            problems.append(f"line {number}: {problem}")
    return problems


def _unfit_text(tokenizer: Any, clip: TrainingClip) -> str:
    tokens = tokenizer.encode(clip.text, clip.language)
    if UNKNOWN in tokens or STOP in tokens:
        return "the text has characters that the engine does not know"
    if len(tokens) > LONGEST_TEXT:
        return f"the text has {len(tokens)} tokens; at most {LONGEST_TEXT} are possible"
    return ""


def train(
    folder: Folder,
    clips: Sequence[TrainingClip],
    work: Path,
    options: TrainOptions,
    resume: Path | None,
    report: Report,
) -> dict[str, Any]:
    """Raises Cancelled once the trainer has saved a checkpoint."""
    from trainer import Trainer, TrainerArgs
    from trainer.logging.dummy_logger import DummyLogger
    from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTTrainer

    if folder.missing_to_train:
        raise EngineUnavailable(f"training needs {', '.join(folder.missing_to_train)} in the engine's folder")
    if resume is not None:
        _usable(resume, report)
    _room(folder, work)
    learned = [_sample(number, clip) for number, clip in enumerate(clips) if not clip.held_out]
    held_out = [_sample(number, clip) for number, clip in enumerate(clips) if clip.held_out]
    config = _config(folder, work / "run", options)
    steps = -(-len(learned) // options.batch_size) * options.epochs
    told = _Callbacks(report, steps, options.epochs)
    sys.argv = sys.argv[:1]  # the trainer reads the command line of whoever runs it
    trainer = Trainer(
        TrainerArgs(continue_path=str(resume) if resume else ""),
        config,
        output_path=str(work / "run"),
        model=GPTTrainer.init_from_config(config),
        train_samples=learned,
        eval_samples=held_out,
        parse_command_line_args=False,
        dashboard_logger=DummyLogger(),
        callbacks={
            "on_train_step_end": told.step,
            "on_epoch_end": told.epoch,
            "on_keyboard_interrupt": told.interrupted,
        },
    )
    run = str(trainer.output_path)
    report.emit("run", resume_dir=run, resumed=resume is not None, step=trainer.total_steps_done)
    try:
        trainer.fit()
    except SystemExit as error:  # it prints the traceback and leaves
        raise RuntimeError("training ended with an error; its traceback is in the log") from error
    return {
        "resume_dir": run,
        "steps": trainer.total_steps_done,
        "epochs": options.epochs,
        "train_loss": _value(trainer.keep_avg_train, "avg_loss"),
        "eval_loss": _value(trainer.keep_avg_eval, "avg_loss"),
    }


class _Callbacks:
    """Between steps is the one safe place to stop: an exception from a signal may land in the middle of a save."""

    def __init__(self, report: Report, steps: int, epochs: int) -> None:
        self._report, self._steps, self._epochs = report, steps, epochs

    def step(self, trainer: Any) -> None:
        loss = _value(trainer.keep_avg_train, "avg_loss")
        # An epoch that a cancel cut short is begun again, so more steps than planned may be done.
        self._report.progress("train", min(trainer.total_steps_done, self._steps), self._steps, loss=loss)
        stopping.check()

    def epoch(self, trainer: Any) -> None:
        self._report.emit(
            "epoch",
            epoch=trainer.epochs_done + 1,
            of=self._epochs,
            train_loss=_value(trainer.keep_avg_train, "avg_loss"),
            eval_loss=_value(trainer.keep_avg_eval, "avg_loss"),
        )
        if trainer.epochs_done + 1 < self._epochs:
            stopping.check()

    def interrupted(self, trainer: Any) -> None:
        """The trainer has saved a checkpoint and would now leave the process by itself."""
        saved = sorted(Path(trainer.output_path).glob("checkpoint_*.pth"), key=lambda path: path.stat().st_mtime)
        raise Cancelled(
            resume_dir=str(trainer.output_path),
            checkpoint=saved[-1].name if saved else None,
            step=trainer.total_steps_done,
        )


def _value(average: Any, name: str) -> float | None:
    value = average.avg_values.get(name) if average is not None else None
    return None if value is None else round(float(value), 5)


def _sample(number: int, clip: TrainingClip) -> dict[str, str]:
    return {
        "audio_file": str(clip.path),
        "text": clip.text,
        "language": clip.language,
        "speaker_name": clip.speaker,
        "root_path": str(clip.path.parent),
        "audio_unique_name": str(number),
    }


def _usable(run: Path, report: Report) -> None:
    """Put half checkpoints aside: the process may have been killed in a save. Raises Refused when none is whole.

    Such a file can be a valid archive that lacks its last tensors; only loading shows it.
    """
    import torch

    whole = 0
    for path in run.glob("*.pth"):
        try:
            torch.load(path, map_location="cpu", mmap=True, weights_only=True)
            whole += 1
        except Exception as error:  # what a damaged file raises is not bounded
            report.log(f"{path.name} is no whole checkpoint and is put aside: {error}", level="warning")
            path.rename(path.with_name(path.name + ".broken"))
    if not (run / "config.json").is_file() or not whole:
        raise Refused(f"{run.name} is no run with a whole checkpoint: begin anew", code="run")


def _room(folder: Folder, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    checkpoint = CHECKPOINT_TIMES_MODEL * (folder.path / MODEL).stat().st_size
    checkpoint += (folder.path / "dvae.pth").stat().st_size
    needed, free = CHECKPOINTS_ON_DISK * checkpoint, shutil.disk_usage(work).free
    if free < needed:
        told = f"training needs {needed / 1e9:.1f} GB for its checkpoints; {free / 1e9:.1f} GB are free"
        raise PipelineError(f"{told}: make room and start it again", code="disk")


def _config(folder: Folder, output: Path, options: TrainOptions) -> Any:
    from TTS.tts.configs.xtts_config import XttsAudioConfig
    from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainerConfig

    shape = folder.config.model_args.to_dict()
    kept = ("decoder_input_dim", "d_vector_dim", "input_sample_rate", "output_sample_rate", "output_hop_length")
    args = {name: value for name, value in shape.items() if name.startswith("gpt_") or name in kept}
    args |= {
        "gpt_checkpoint": "",
        "gpt_use_masking_gt_prompt_approach": True,
        "tokenizer_file": str(folder.path / VOCABULARY),
        "mel_norm_file": str(folder.path / "mel_stats.pth"),  # its default is an address on the web
        "dvae_checkpoint": str(folder.path / "dvae.pth"),
        "xtts_checkpoint": str(folder.path / MODEL),
        "min_conditioning_length": min(options.min_conditioning, options.max_conditioning),
        "max_conditioning_length": options.max_conditioning,
        "max_wav_length": LONGEST_SAMPLES,
        "max_text_length": LONGEST_TEXT,
    }
    never = 10**9
    # Optimiser and schedule are those of the makers' recipe for fine-tuning.
    return GPTTrainerConfig(
        epochs=options.epochs,
        output_path=str(output),
        model_args=GPTArgs(**args),
        run_name="run",
        project_name="voice",
        audio=XttsAudioConfig(),
        batch_size=options.batch_size,
        eval_batch_size=options.batch_size,
        num_loader_workers=0,
        num_eval_loader_workers=0,
        print_step=50,
        plot_step=never,
        log_model_step=never,
        save_step=options.save_step,
        save_n_checkpoints=2,
        print_eval=False,
        optimizer="AdamW",
        optimizer_wd_only_on_weights=True,
        optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 1e-2},
        lr=options.lr,
        lr_scheduler="MultiStepLR",
        lr_scheduler_params={"milestones": [900_000, 2_700_000], "gamma": 0.5, "last_epoch": -1},
        training_seed=options.seed,
        test_sentences=[],
    )
