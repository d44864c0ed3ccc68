"""A program that calls models through LiteLLM with Purser's callback; prints what came of each call as JSON.

Takes the address of the stub. Run by test_litellm.py with PURSER_URL and PURSER_KEY set.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from purser_litellm import PurserBilling, Refused, as_billed

CHAT, OTHER, SMALL = "openai/gpt-4o-mini", "openai/gpt-4o", "openai/text-embedding-3-small"
STUB: dict[str, Any] = {"api_base": sys.argv[1], "api_key": "none", "max_retries": 0}
WORKSPACE = {"purser_workspace": os.environ["PURSER_WORKSPACE"]}
POOR, BUSY, SUSPENDED = (
    {"purser_workspace": os.environ[f"{name}_WORKSPACE"]} for name in ("POOR", "BUSY", "SUSPENDED")
)
TEAM = {"user_api_key_hash": "88dc28d0", "user_api_key_team_id": WORKSPACE["purser_workspace"]}

NO_TEAM = {"user_api_key_hash": "88dc28d0", "user_api_key_team_id": None}

told: dict[str, str] = {}


def words(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def call(name: str, asked: Coroutine[Any, Any, Any]) -> None:
    try:
        answer = await asked
        if isinstance(answer, AsyncIterator):
            async for _ in answer:
                pass
        told[name] = "answered"
    except Exception as error:
        told[name] = f"{type(error).__name__} {getattr(error, 'status_code', '')}: {error}"


async def last_try_of_the_proxy(billing: PurserBilling) -> None:
    """The proxy tells the failure of a call's first try and, when no further one succeeds, that the call failed."""
    data = {"model": CHAT, "messages": words("Hello"), "metadata": TEAM, "litellm_call_id": "chosen by the caller"}
    for _ in range(2):
        await billing.async_pre_call_deployment_hook(data, "acompletion")
    failure = TimeoutError("the model did not answer")
    await billing.async_post_call_failure_hook(data, failure, None)
    raise failure


async def too_many_by(router: litellm.Router) -> None:
    """What one customer is refused must not keep the router from the deployments that all customers share."""
    for _ in range(4):
        with suppress(Refused):
            await router.acompletion(model="small", messages=words("Hello"), metadata=BUSY)
    await router.acompletion(model="small", messages=words("Hello"), metadata=BUSY)


def searches() -> dict[str, int]:
    """How many of five searches are charged."""
    models = (
        "gemini/gemini-2.5-flash",
        "vertex_ai/gemini-2.5-flash",
        "gemini/gemini-3-pro-preview",
        "perplexity/sonar",
    )
    usage = {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 0, "web_search_requests": 5}}
    billed = {model: as_billed(model, usage) for model in (*models, "gemini/of-tomorrow")}
    return {model: found["prompt_tokens_details"]["web_search_requests"] for model, found in billed.items()}


async def main() -> None:
    billing = PurserBilling.from_environment()
    litellm.callbacks = [billing]
    chat, mine = litellm.acompletion, {"metadata": WORKSPACE, **STUB}
    deployment = {"model": CHAT, **STUB}
    group = {"model_name": "small", "litellm_params": deployment}
    router = litellm.Router([group], num_retries=1, retry_after=0)
    shared = litellm.Router([group, group | {"litellm_params": deployment | {"model": OTHER}}], num_retries=1)
    long = words("Summarise this. " + "word " * 2_000)
    await asyncio.gather(
        call("chat", chat(model=CHAT, messages=long, max_tokens=800, user="u_123", **mine)),
        call("stream", chat(model=CHAT, messages=words("Hello"), stream=True, **mine)),
        call("other model", chat(model=OTHER, messages=words("Hello"), max_tokens=500, **mine)),
        call("embedding", litellm.aembedding(model=SMALL, input=["one", "two"], **mine)),
        call("responses", litellm.aresponses(model=CHAT, input="Hello", litellm_metadata=WORKSPACE, **STUB)),
        call("router", router.acompletion(model="small", messages=words("fail once"), metadata=WORKSPACE)),
        call("team of the proxy", chat(model=CHAT, messages=words("Hello"), **STUB, metadata={**TEAM, "x": 1})),
        call("failed", chat(model=CHAT, messages=words("fail"), **mine)),
        call("failed stream", chat(model=CHAT, messages=words("fail"), stream=True, **mine)),
        call("failed by router", router.acompletion(model="small", messages=words("fail"), metadata=WORKSPACE)),
        call("last try", last_try_of_the_proxy(billing)),
        call("no credits", chat(model=CHAT, messages=words("Hello"), metadata=POOR, **STUB)),
        call("unknown model", chat(model="openai/gpt-unheard-of", messages=words("Hello"), **mine)),
        call("image", litellm.aimage_generation(model="openai/gpt-image-1", prompt="a duck", **mine)),
        call("stranger", chat(model=CHAT, messages=words("Hello"), metadata={"purser_workspace": "ws_no"}, **STUB)),
        call("suspended", chat(model=CHAT, messages=words("Hello"), metadata=SUSPENDED, **STUB)),
        call("too many at once", chat(model=CHAT, messages=words("Hello"), metadata=BUSY, **STUB)),
        call("too many by router", too_many_by(shared)),
        call("of no team", chat(model=CHAT, messages=words("Hello"), **STUB, metadata=WORKSPACE | NO_TEAM)),
        call("no-log", chat(model=CHAT, messages=words("Hello"), **{"no-log": True}, **mine)),
    )
    await call("not held", asyncio.to_thread(litellm.completion, model=CHAT, messages=words("Hello"), **mine))
    ended = await billing.finish()
    print(json.dumps({"told": told, "ended": ended, "searches": searches()}))


asyncio.run(main())
