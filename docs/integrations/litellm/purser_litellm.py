"""LiteLLM with Purser: credits are held before a call, what it used is charged after it, a failed call costs nothing.

    # billing.py, beside this file and purser.py
    from purser_litellm import PurserBilling
    billing = PurserBilling.from_environment()      # PURSER_URL, PURSER_KEY

In a program: `litellm.callbacks = [billing]`. In the proxy's config.yaml: `litellm_settings: {callbacks:
billing.billing}`. README.md beside this file says whose credits are used, and what LiteLLM does not tell.
"""

import asyncio
import logging
import os
import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger
from purser import Extra, Problem, Purser, Unreachable

logger = logging.getLogger("purser_litellm")

CHAT = frozenset({"acompletion", "atext_completion", "aresponses"})
KNOWN = CHAT | {"aembedding"}

# What the portal's refusals are answered with: by status where that says it, else by code; 503 for what is no
# customer's doing. Never 429, 401, 404 or 408, upon which LiteLLM's router leaves a deployment alone for a while.
AS_IT_IS = frozenset({400, 402, 422})
ANSWERED = {
    "workspace_suspended": 403,
    "not_found": 403,
    "concurrency_exceeded": 409,
    "too_many_holds": 409,
    "payload_too_large": 413,
}

# The call id this task asked a hold for: LiteLLM makes some calls by others (responses by chat), with the same id.
_asked_for: ContextVar[str] = ContextVar("asked_for", default="")


class Refused(Exception):
    """A call that is not made. LiteLLM's proxy answers with `status_code`, its router does not try it again."""

    num_retries = 0

    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(message)
        self.status_code, self.message = status_code, message


@dataclass(eq=False)
class Running:
    purser: Purser
    hold: str
    model: str
    until: float
    log: Any  # LiteLLM's own record of the call
    before: Any  # what an earlier try of the call used, as LiteLLM told when its stream broke off
    said: list[str] = field(default_factory=list)  # what a stream delivered, where LiteLLM does not keep it
    left: bool = False  # its reader left, and what it delivered was charged


class PurserBilling(CustomLogger):
    """Holds credits for `expires_in` seconds, which is longer than any call takes.

    Calls whose use LiteLLM does not count in tokens (images, speech, transcription, rerank) are refused, unless
    `unmetered` lets them through unbilled.
    """

    def __init__(self, purser: Purser, *, expires_in: int = 900, unmetered: bool = False) -> None:
        super().__init__()
        self.purser, self.expires_in, self.unmetered = purser, expires_in, unmetered
        self._running: dict[tuple[str, str], list[Running]] = {}
        self._telling = 0  # calls that have ended and are being settled or released
        self._left: set[asyncio.Task[None]] = set()
        # A caller's `no-log: true` would keep its calls from being charged.
        litellm.global_disable_no_log_param = True

    @classmethod
    def from_environment(cls) -> "PurserBilling":
        return cls(Purser(os.environ["PURSER_URL"], os.environ["PURSER_KEY"]))

    def workspace_of(self, metadata: Mapping[str, Any]) -> str:
        """Whose call it is. On the proxy only what the proxy itself wrote counts: its callers could write the rest."""
        if any(name.startswith("user_api_key") for name in metadata):
            of_key = metadata.get("user_api_key_metadata") or {}
            return str(of_key.get("purser_workspace") or metadata.get("user_api_key_team_id") or "")
        return str(metadata.get("purser_workspace") or "")

    def model_of(self, kwargs: Mapping[str, Any]) -> str:
        """The model as Purser's price list names it; a deployment's `base_model` comes first."""
        info = kwargs.get("model_info") or _metadata(kwargs).get("model_info") or {}
        model = str(info.get("base_model") or kwargs["model"])
        try:
            name, provider, *_ = litellm.get_llm_provider(model, kwargs.get("custom_llm_provider"))
        except Exception:  # of no provider that LiteLLM knows
            return model
        return f"{provider}/{name}"

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> dict[str, Any] | None:
        """Before a call, and before each further try of the router. What is raised here keeps it from being made."""
        kind = str(getattr(call_type, "value", call_type))
        if kind not in KNOWN:
            if self.unmetered:
                return None
            raise Refused(400, f"Calls of the kind {kind} are not billed here.")
        if not kwargs.get("model"):
            raise Refused(400, f"Name the arguments of {kind}: model=…, messages=….")
        purser, whose = self._customer(_metadata(kwargs))
        call = str(kwargs["litellm_call_id"])
        log = kwargs.get("litellm_logging_obj")
        before = _of_broken_stream(getattr(log, "model_call_details", {}))
        holds = self._running.get((whose, call))
        if _asked_for.get() == call and holds and holds[-1].before is before:
            return _with_usage(kwargs, kind)
        asked: dict[str, Any] = {"text": _text(kwargs), "expires_in": self.expires_in}
        longest = kwargs.get("max_completion_tokens") or kwargs.get("max_tokens") or kwargs.get("max_output_tokens")
        if kind in CHAT and longest:
            asked["max_output_tokens"] = longest * (kwargs.get("n") or 1)
        model = self.model_of(kwargs)
        try:
            held = await asyncio.to_thread(purser.authorize, model, **asked)
        except Problem as problem:
            logger.warning("no hold for a call to %s: %s", kwargs["model"], problem)
            status = problem.status if problem.status in AS_IT_IS else ANSWERED.get(problem.code)
            if status:
                raise Refused(status, problem.detail) from problem
            raise Refused(503, "Billing does not answer at the moment.") from problem
        except Unreachable as error:
            logger.error("no hold for a call to %s: %s", kwargs["model"], error)
            raise Refused(503, "Billing does not answer at the moment.") from error
        running = Running(purser, held.hold, model, time.monotonic() + self.expires_in, log, before)
        self._running.setdefault((whose, call), []).append(running)
        _asked_for.set(call)
        return _with_usage(kwargs, kind)

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """After a call; of a stream, after its end."""
        purser, whose = self._customer(_metadata(kwargs))
        usage = _usage(response_obj)
        with self._ended(whose, kwargs) as running:
            if running is not None and running.left:
                return
            if kwargs.get("cache_hit"):
                await self._release(running)  # nobody was asked
            elif usage is None:
                call = kwargs.get("litellm_call_id")
                logger.error("LiteLLM tells no usage of call %s to %s", call, kwargs.get("model"))
            elif running is not None or kwargs.get("call_type") in KNOWN:  # what no hook saw has cost something, too
                hold = running.hold if running else ""
                # Not the hold's model: a fallback may have answered.
                await asyncio.to_thread(_charge, purser, hold, self.model_of(kwargs), usage, kwargs)

    def log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """After `litellm.completion(…)`, which asks no hook before: what it used is charged."""
        usage = None if kwargs.get("cache_hit") else _usage(response_obj)
        if usage is not None:
            purser, _ = self._customer(_metadata(kwargs))
            _charge(purser, "", self.model_of(kwargs), usage, kwargs)

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        await self._failed(kwargs)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        *more: Any,
        **also: Any,
    ) -> None:
        """On the proxy, after the last try: of several tries LiteLLM tells the failure of the first one only."""
        await self._failed(request_data)

    async def _failed(self, kwargs: dict[str, Any]) -> None:
        """What a stream delivered before it broke off is charged; any other failure costs nothing.

        By the hold's model: by now LiteLLM may name the one of a further try, or the name that a caller used.
        """
        _, whose = self._customer(_metadata(kwargs))
        used = _of_broken_stream(kwargs)
        with self._ended(whose, kwargs, used) as running:
            if running is not None and not running.left:
                await self._ends(running, None if used is running.before else used, kwargs)

    async def _ends(self, running: Running, used: Any, kwargs: Mapping[str, Any]) -> None:
        usage = _delivered(used, running.said, kwargs)
        if usage is None:
            await self._release(running)
        else:
            await asyncio.to_thread(_charge, running.purser, running.hold, running.model, usage, kwargs)

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        """On the proxy: charges what a stream delivered whose reader left, where LiteLLM does not tell it."""
        log = request_data.get("litellm_logging_obj")
        told = log is None or isinstance(getattr(response, "chunks", None), list)  # of chat LiteLLM keeps what came
        try:
            async for chunk in response:
                if not told and (running := self._of(log, request_data)):
                    running.said.append(_said(chunk))
                yield chunk
        except (GeneratorExit, asyncio.CancelledError):
            details = getattr(log, "model_call_details", {})
            over = details.get("has_dispatched_final_stream_success") or getattr(response, "completed_response", None)
            if not told and not over:
                self._leave(self._of(log, request_data), request_data)
            raise

    def _of(self, log: Any, kwargs: Mapping[str, Any]) -> Running | None:
        """The latest try of this very call: callers of the proxy may give the same id to several."""
        _, whose = self._customer(_metadata(kwargs))
        holds = self._running.get((whose, str(kwargs.get("litellm_call_id"))), [])
        return next((each for each in reversed(holds) if each.log is log), None)

    def _leave(self, running: Running | None, kwargs: Mapping[str, Any]) -> None:
        """In a task of its own: what is awaited while a generator is closed may be cancelled."""
        if running is not None and not running.left:
            running.left = True  # and stays, should LiteLLM tell of its end all the same
            task = asyncio.create_task(self._ends(running, None, kwargs))
            self._left.add(task)
            task.add_done_callback(self._left.discard)

    async def left(self, stream: Any) -> None:
        """In a program, when a stream's reader has left: charges what was delivered. Does nothing after its end."""
        await stream.aclose()
        log = stream.logging_obj
        details = log.model_call_details
        if details.keys() & {"has_dispatched_final_stream_success", "combined_usage_object", "exception"}:
            return
        answer = litellm.stream_chunk_builder(stream.chunks, messages=stream.messages) if stream.chunks else None
        if answer is None:
            await self._failed(details)
        else:
            await log.dispatch_success_handlers(answer, cache_hit=False, prefer_async_handlers=True)

    async def finish(self, seconds: float = 10) -> bool:
        """Wait until LiteLLM has told the end of every call, before a program ends. False: of some it did not."""
        until = time.monotonic() + seconds
        while (self._running or self._telling) and time.monotonic() < until:
            await asyncio.sleep(0.02)
        return not (self._running or self._telling)

    def _customer(self, metadata: Mapping[str, Any]) -> tuple[Purser, str]:
        whose = self.workspace_of(metadata)
        return (self.purser.of(whose) if whose else self.purser), whose

    @contextmanager
    def _ended(self, whose: str, kwargs: Mapping[str, Any], used: Any = None) -> Iterator[Running | None]:
        """The hold of a call that has ended. Callers of the proxy may choose call ids, so two calls may share one.

        `used` is of a stream that broke off: not of a try that began after it.
        """
        now = time.monotonic()
        holds = self._running.get((whose, str(kwargs.get("litellm_call_id"))), [])
        own = [each for each in holds if not each.left and (used is None or each.before is not used)] or holds
        running = own[-1] if own else None
        if running is not None:
            holds.remove(running)
        for old in [key for key, holds in self._running.items() if not holds or holds[-1].until < now]:
            del self._running[old]  # LiteLLM never told their end
        self._telling += 1
        try:
            yield running
        finally:
            self._telling -= 1

    async def _release(self, running: Running | None) -> None:
        if running is not None:
            try:
                await asyncio.to_thread(running.purser.release, running.hold)
            except (Problem, Unreachable) as error:
                logger.warning("%s is released when it expires: %s", running.hold, error)


def _metadata(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What LiteLLM carries along with a call: before it beside the arguments, after it among the parameters."""
    found: dict[str, Any] = {}
    for holder in (kwargs, kwargs.get("litellm_params") or {}):
        for name in ("metadata", "litellm_metadata"):
            found |= holder.get(name) or {}
    return found


def _text(kwargs: Mapping[str, Any]) -> str:
    """All words of the request, tools included: what the size of a hold is taken from."""
    sent = [kwargs.get(name) for name in ("messages", "prompt", "input", "instructions", "tools")]
    return "\n".join(_words(sent))


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [] if value.startswith("data:") else [value]
    if isinstance(value, Mapping):
        return [word for name, inner in value.items() if name not in ("role", "type") for word in _words(inner)]
    if isinstance(value, list | tuple):
        return [word for inner in value for word in _words(inner)]
    return []


def _usage(response: Any) -> dict[str, Any] | None:
    """The usage object of an answer, as it is."""
    usage = response.get("usage") if isinstance(response, Mapping) else getattr(response, "usage", None)
    if usage is not None and hasattr(usage, "model_dump"):
        usage = usage.model_dump(exclude_none=True)
    return dict(usage) if usage else None


def _of_broken_stream(told: Mapping[str, Any]) -> Any:
    """The usage that LiteLLM made of a stream's chunks when it broke off."""
    return told.get("combined_usage_object")


def _said(chunk: Any) -> str:
    """The text in a chunk of a responses or a text stream."""
    if isinstance(getattr(chunk, "delta", None), str):
        return str(chunk.delta)
    return "".join(str(getattr(choice, "text", None) or "") for choice in getattr(chunk, "choices", None) or [])


def _delivered(used: Any, said: list[str], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The usage of a stream that broke off; None if it delivered nothing.

    The tokens of the request are counted here when they are missing: most providers tell them at the end only.
    """
    usage = _usage({"usage": used}) or {}
    if not usage and any(said):
        usage["completion_tokens"] = litellm.token_counter(model=str(kwargs.get("model")), text="".join(said))
    if not (usage.get("prompt_tokens") or usage.get("completion_tokens")):
        return None
    if not usage.get("prompt_tokens"):
        tools = kwargs.get("tools") or (kwargs.get("optional_params") or {}).get("tools")
        asked = kwargs.get("messages") or kwargs.get("prompt") or kwargs.get("input")
        text = _text({"messages": asked, "tools": tools, "instructions": kwargs.get("instructions")})
        usage["prompt_tokens"] = litellm.token_counter(model=str(kwargs.get("model")), text=text)
        usage["total_tokens"] = usage["prompt_tokens"] + (usage.get("completion_tokens") or 0)
    return usage


def _charge(purser: Purser, hold: str, model: str, usage: dict[str, Any], kwargs: Mapping[str, Any]) -> None:
    """Once: to the hold; to the balance without one, or when staff released it while the call ran."""
    told: Extra = {"usage_format": "openai"}
    if kwargs.get("user"):
        told["end_user"] = str(kwargs["user"])[:200]
    event = hold or uuid.uuid4().hex  # settling takes the hold's id, too
    usage = as_billed(model, usage)
    try:
        try:
            if hold:
                purser.settle(hold, usage, model=model, **told)
                return
        except Problem as problem:
            if problem.members.get("hold_status") != "released":
                raise
        purser.usage(model, usage, event_id=event, **told)
    except (Problem, Unreachable) as error:
        logger.error("not charged: %s, usage %s of %s: %s", event, usage, model, error)


def as_billed(model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """LiteLLM counts each search of the web; Google bills most models of Gemini one for an answer, however many."""
    details = usage.get("prompt_tokens_details") or {}
    of_google = model.partition("/")[0] in ("gemini", "vertex_ai", "vertex_ai_beta")
    if not (of_google and details.get("web_search_requests")):
        return usage
    try:
        each = litellm.get_model_info(model).get("web_search_billing_unit") == "per_query"
    except Exception:  # of no model that LiteLLM knows
        each = False
    return usage if each else usage | {"prompt_tokens_details": {**details, "web_search_requests": 1}}


def _with_usage(kwargs: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """A stream of an OpenAI-like server ends with its usage only when asked to; else LiteLLM guesses it."""
    if kind not in ("acompletion", "atext_completion") or not kwargs.get("stream"):
        return None
    model, provider, *_ = litellm.get_llm_provider(kwargs["model"], kwargs.get("custom_llm_provider"))
    if "stream_options" not in (litellm.get_supported_openai_params(model, provider) or []):
        return None
    return kwargs | {"stream_options": {**(kwargs.get("stream_options") or {}), "include_usage": True}}
