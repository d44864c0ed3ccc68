"""What is done with engine versions: registered, licensed, exported, withdrawn, promoted, and taken back."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from billing.foundation.adminforms import ReasonForm
from billing.voices.engines.services import (
    export,
    licence_accept,
    light_register,
    version_register,
    version_withdraw,
)
from billing.voices.models import EngineVersion, Rollout, VoiceJob
from billing.voices.rollouts.steps import (
    rollout_abort,
    rollout_back,
    rollout_begin,
    rollout_build,
    rollout_build_previous,
    rollout_switch,
)
from portal.admin.voices import MAY_ENGINE
from portal.admin.voices.acts import ACTS, Act, Doer, Facts, plain, typed
from portal.admin.voices.forms import ConfirmForm, ExportForm, LicenceForm, RegisterForm


def facts(version: EngineVersion) -> Facts:
    accepted = (
        f"{version.licence_accepted_by}, {version.licence_accepted_at:%-d %B %Y}"
        if version.licence_accepted_at
        else "nobody yet"
    )
    test = "YES: what it speaks is noise, not for customers" if version.is_test else "no"
    return [
        ("Version", str(version)),
        ("Test engine", test),
        ("Licence", version.licence),
        ("Accepted by", accepted),
    ]


def _of_rollout(rollout: Rollout) -> Facts:
    return [
        *facts(rollout.version),
        ("In place of", str(rollout.previous or "nothing")),
        ("Voices", f"{rollout.items.count():,}"),
        ("State", rollout.get_state_display()),
    ]


def _engine_url(_about: Any) -> str:
    return reverse("voice-engine")


def _rollout_url(_about: Any) -> str:
    return reverse("voice-rollout")


def _light(_about: None, data: dict[str, Any], doer: Doer) -> str:
    return f"{light_register(**doer.who)} is registered. Accept its licence, then promote it."


def _register(_about: None, data: dict[str, Any], doer: Doer) -> str:
    named = {name: data[name] for name in ("family", "label", "folder", "licence", "is_test")}
    return f"{version_register(**named, **doer.who)} is registered, with its files as they are."


def _licence(version: EngineVersion, data: dict[str, Any], doer: Doer) -> str:
    licence_accept(version.pk, statement=data["statement"], **doer.who)
    return f"The licence of {version} is accepted."


def _withdraw(version: EngineVersion, data: dict[str, Any], doer: Doer) -> str:
    version_withdraw(version.pk, reason=data["reason"], **doer.who)
    return f"{version} is withdrawn."


def _export(job: VoiceJob, data: dict[str, Any], doer: Doer) -> str:
    version, _ = export(job.pk, label=data["label"], **doer.who)
    return f"{version} is being exported."


def _begin(version: EngineVersion, data: dict[str, Any], doer: Doer) -> str:
    rollout = rollout_begin(version.pk, **doer.who)
    return f"{rollout.items.count():,} voices are being built on {version}. Nothing has changed for customers."


def _again(rollout: Rollout, data: dict[str, Any], doer: Doer) -> str:
    rollout_build(rollout.pk, **doer.who)
    return "What was not verified, or has changed, is being built."


def _switch(rollout: Rollout, data: dict[str, Any], doer: Doer) -> str:
    rollout_switch(rollout.pk, **doer.who)
    return f"{rollout.version} serves all voices from now on."


def _back(rollout: Rollout, data: dict[str, Any], doer: Doer) -> str:
    rollout_back(rollout.pk, reason=data["reason"], **doer.who)
    return f"{rollout.previous} serves all voices again."


def _before(rollout: Rollout, data: dict[str, Any], doer: Doer) -> str:
    job = rollout_build_previous(rollout.pk, **doer.who)
    return f"{job.items.count():,} voices are being built on {rollout.previous}."


def _abort(rollout: Rollout, data: dict[str, Any], doer: Doer) -> str:
    rollout_abort(rollout.pk, reason=data["reason"], **doer.who)
    return "The rollout is aborted. Nothing has changed for customers."


def _act(model: Any, form: Any, title: str, button: str, do: Any, back: Any, intro: str) -> Act:
    said: dict[Any, Callable[[Any], Facts]] = {
        None: lambda _about: [],
        EngineVersion: facts,
        Rollout: _of_rollout,
        VoiceJob: lambda job: [("Training", str(job)), ("Engine", str(job.engine_version))],
    }
    return Act(
        permission=MAY_ENGINE,
        model=model,
        form=form,
        title=lambda about: title.format(about.version if isinstance(about, Rollout) else about),
        button=button,
        do=do,
        back=back,
        intro=intro,
        facts=said[model],
    )


ACTS |= {
    "light": _act(
        None,
        plain(ConfirmForm),
        "Register the engine that comes with Purser",
        "Register",
        _light,
        _engine_url,
        "It inspects and conditions for real, and speaks no words: a test engine, for trying how everything works.",
    ),
    "register": _act(
        None,
        plain(RegisterForm),
        "Register a version",
        "Register",
        _register,
        _engine_url,
        "Put its files into a folder of their own below engines first. A version never changes: other files are"
        " another version.",
    ),
    "licence": _act(
        EngineVersion,
        plain(LicenceForm),
        "Accept the licence of {}",
        "Accept",
        _licence,
        _engine_url,
        "Without it a version cannot be promoted. Mind that some licences allow no commercial use of what an engine"
        " speaks.",
    ),
    "withdraw": _act(
        EngineVersion,
        plain(ReasonForm),
        "Withdraw {}",
        "Withdraw",
        _withdraw,
        _engine_url,
        "It cannot be promoted any more, for good.",
    ),
    "export": _act(
        VoiceJob,
        plain(ExportForm),
        "Make a version of {}",
        "Export",
        _export,
        _engine_url,
        "The checkpoints of the training are removed once the version is ready.",
    ),
    "begin": _act(
        EngineVersion,
        plain(ConfirmForm),
        "Roll out {}",
        "Build all voices on it",
        _begin,
        _rollout_url,
        "Every enabled voice is built on it and verified. Customers notice nothing until you switch.",
    ),
    "again": _act(
        Rollout,
        plain(ConfirmForm),
        "Build once more on {}",
        "Build",
        _again,
        _rollout_url,
        "What is verified for a voice as it is now is kept; the rest is built.",
    ),
    "switch": _act(
        Rollout,
        typed(lambda rollout: rollout.version.label),
        "Switch to {}",
        "Switch all voices",
        _switch,
        _rollout_url,
        "All voices at once, or none. Each is looked at again as it is now. You can go back.",
    ),
    "back": _act(
        Rollout,
        typed(lambda rollout: rollout.version.label),
        "Go back from {}",
        "Go back",
        _back,
        _rollout_url,
        "All voices are served by the version before again.",
    ),
    "build-previous": _act(
        Rollout,
        plain(ConfirmForm),
        "Build for going back from {}",
        "Build",
        _before,
        _rollout_url,
        "Voices that were made or changed since the switch are built on the version before, so that it can serve them.",
    ),
    "abort": _act(
        Rollout,
        plain(ReasonForm),
        "Abort the rollout of {}",
        "Abort",
        _abort,
        _rollout_url,
        "Everything stays as it is for customers. What was built is kept.",
    ),
}
