"""Training of the light engine: small, but with all that makes a training hard to run.

Steps, epochs, held-out clips, checkpoints that are whole or not there, stopping between steps. Going on from the last
checkpoint reaches exactly the numbers of an undisturbed run: the order of an epoch depends on the seed and the epoch
alone.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from voice_pipeline import stopping
from voice_pipeline.adapters.base import TrainingClip
from voice_pipeline.adapters.light import model as models
from voice_pipeline.adapters.light.model import WIDTH, Matrix, Model
from voice_pipeline.adapters.light.options import TrainOptions
from voice_pipeline.audio.decode import decode
from voice_pipeline.audio.fingerprint import DIMENSIONS, fingerprint
from voice_pipeline.contract import Cancelled, Refused
from voice_pipeline.files import sha256, whole
from voice_pipeline.reporting import Report

PIECE_SECONDS = 0.5  # one fingerprint to learn from
KEPT_CHECKPOINTS = 2
# Adam (Kingma and Ba, 2015), with the constants of the paper.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
LEAST_DEVIATION = 0.01  # of one number of a fingerprint; less is chance in a few clips
RUN, BEST = "run.json", "best.safetensors"


@dataclass
class State:
    """All that a checkpoint holds."""

    model: Model
    moments: dict[str, Matrix]  # of Adam: first_encode, second_encode, …
    step: int = 0
    train_loss: float = float("nan")
    eval_loss: float = float("nan")
    best_loss: float = float("inf")


def train(
    base: Model | None,
    clips: Sequence[TrainingClip],
    work: Path,
    options: TrainOptions,
    resume: Path | None,
    report: Report,
) -> dict[str, Any]:
    """Raises Refused when a run to go on with is another one; Cancelled after a checkpoint was saved."""
    learned, held_out = (_pieces(clips, held_out=kind) for kind in (False, True))
    run = resume or work / "run"
    state = _continued(run, clips, options) if resume else _begun(run, clips, options, base, learned)
    per_epoch = -(-len(learned) // options.batch_size)
    total = per_epoch * options.epochs
    report.emit("run", resume_dir=str(run), resumed=resume is not None, step=state.step)
    saved = state.step
    try:
        while state.step < total:
            stopping.check()
            began = time.monotonic()
            _step(state, learned, per_epoch, options)
            report.progress("train", state.step, total, loss=state.train_loss)
            if state.step % per_epoch == 0:
                _end_epoch(run, state, held_out)
                epoch, losses = state.step // per_epoch, {"train_loss": state.train_loss, "eval_loss": state.eval_loss}
                report.emit("epoch", epoch=epoch, of=options.epochs, **losses)
            if state.step % options.save_step == 0 or state.step == total:
                _save(run, state)
                saved = state.step
            _wait(began + options.step_seconds)
    except Cancelled:
        if saved < state.step:
            _save(run, state)
        last = checkpoints(run)[-1].name
        raise Cancelled(resume_dir=str(run), checkpoint=last, step=state.step) from None
    return {
        "resume_dir": str(run),
        "steps": state.step,
        "epochs": options.epochs,
        "train_loss": state.train_loss,
        "eval_loss": state.eval_loss,
    }


def best(run: Path) -> Model:
    """The weights with the least loss on the held-out clips. Raises Refused."""
    path = run / BEST
    try:
        with safe_open(path, framework="numpy") as file:
            return models.from_tensors({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except FileNotFoundError as error:
        raise Refused(f"{run.name} has finished no epoch: train on before it is exported", code="run") from error
    except (OSError, SafetensorError, ValueError) as error:
        raise Refused(f"{BEST} of {run.name} cannot be used: {error}", code="run") from error


def checkpoints(run: Path) -> list[Path]:
    """Oldest first."""
    return sorted(run.glob("checkpoint_*.safetensors"))


def read_checkpoint(path: Path) -> State:
    """Raises ValueError for half a file or another one's."""
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dictionary
        moments = {name: tensors[name] for name in _moments()}
        return State(model=models.from_tensors(tensors), moments=moments, **about)
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} cannot be used: {error}") from error


def _begun(run: Path, clips: Sequence[TrainingClip], options: TrainOptions, base: Model | None, data: Matrix) -> State:
    if checkpoints(run):
        raise Refused(f"there is a run in {run.parent.name}: go on with it, or take another workdir", code="run")
    run.mkdir(parents=True, exist_ok=True)
    with whole(run / RUN) as part:
        part.write_text(json.dumps({"data": _digest(clips), "options": options.model_dump()}))
    if base is None:
        random = np.random.default_rng(options.seed)
        encode = random.normal(0, DIMENSIONS**-0.5, (DIMENSIONS, WIDTH))
        decode = random.normal(0, WIDTH**-0.5, (WIDTH, DIMENSIONS))
        base = Model(mean=data.mean(0), scale=np.maximum(data.std(0), LEAST_DEVIATION), encode=encode, decode=decode)
    state = State(model=base, moments=_moments())
    _save(run, state)  # so that a run can be gone on with from its first moment
    return state


def _continued(run: Path, clips: Sequence[TrainingClip], options: TrainOptions) -> State:
    try:
        about = json.loads((run / RUN).read_text())
    except (OSError, ValueError) as error:
        raise Refused(f"{run.name} is no run of this engine", code="run") from error
    if about != {"data": _digest(clips), "options": options.model_dump()}:
        raise Refused("the run was begun with other clips or options: give the same ones, or begin anew", code="run")
    problems = []
    for path in reversed(checkpoints(run)):
        try:
            return read_checkpoint(path)
        except ValueError as error:
            problems.append(str(error))
    raise Refused(f"{run.name} has no whole checkpoint", code="run", problems=problems)


def _step(state: State, data: Matrix, per_epoch: int, options: TrainOptions) -> None:
    """One step of Adam on the mean squared error of the reconstruction."""
    epoch, number = divmod(state.step, per_epoch)
    order = np.random.default_rng([options.seed, epoch]).permutation(len(data))
    model = state.model
    batch = (data[order[number * options.batch_size :][: options.batch_size]] - model.mean) / model.scale
    code = batch @ model.encode
    error = code @ model.decode - batch
    slope = 2 * error / error.size
    state.step += 1
    state.train_loss = float((error**2).mean())
    state.model = Model(
        mean=model.mean,
        scale=model.scale,
        encode=model.encode - options.lr * _direction(state, "encode", batch.T @ (slope @ model.decode.T)),
        decode=model.decode - options.lr * _direction(state, "decode", code.T @ slope),
    )
    if not np.isfinite(state.train_loss):
        raise Refused("the loss has left all bounds: train with a smaller lr", code="diverged")


def _direction(state: State, name: str, gradient: Matrix) -> Matrix:
    first = BETA_1 * state.moments[f"first_{name}"] + (1 - BETA_1) * gradient
    second = BETA_2 * state.moments[f"second_{name}"] + (1 - BETA_2) * gradient**2
    state.moments |= {f"first_{name}": first, f"second_{name}": second}
    return (first / (1 - BETA_1**state.step)) / (np.sqrt(second / (1 - BETA_2**state.step)) + EPSILON)


def _moments() -> dict[str, Matrix]:
    """At the beginning."""
    shapes = {"encode": (DIMENSIONS, WIDTH), "decode": (WIDTH, DIMENSIONS)}
    return {f"{order}_{name}": np.zeros(shape) for name, shape in shapes.items() for order in ("first", "second")}


def _end_epoch(run: Path, state: State, held_out: Matrix) -> None:
    seen = (held_out - state.model.mean) / state.model.scale
    state.eval_loss = float(((seen @ state.model.encode @ state.model.decode - seen) ** 2).mean())
    if state.eval_loss < state.best_loss:
        state.best_loss = state.eval_loss
        with whole(run / BEST) as part:
            save_file(state.model.tensors(), part)


def _save(run: Path, state: State) -> None:
    about = {name: getattr(state, name) for name in ("step", "train_loss", "eval_loss", "best_loss")}
    tensors = state.model.tensors() | state.moments
    with whole(run / f"checkpoint_{state.step:09d}.safetensors") as part:
        save_file(tensors, part, metadata={"state": json.dumps(about)})
    for old in checkpoints(run)[:-KEPT_CHECKPOINTS]:
        old.unlink()


def _pieces(clips: Sequence[TrainingClip], *, held_out: bool) -> Matrix:
    """Fingerprints of half seconds, one a row."""
    prints = []
    for clip in clips:
        if clip.held_out != held_out:
            continue
        stopping.check()
        sound = decode(clip.path)
        length = int(sound.rate * PIECE_SECONDS)
        for start in range(0, max(1, len(sound.samples) - length + 1), length):
            prints.append(fingerprint(sound.samples[start : start + length], sound.rate))
    return np.stack(prints).astype(np.float64)


def _digest(clips: Sequence[TrainingClip]) -> str:
    lines = [f"{sha256(clip.path)} {clip.held_out}" for clip in clips]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _wait(until: float) -> None:
    """In short pieces, because a signal does not end a sleep."""
    while not stopping.asked() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
