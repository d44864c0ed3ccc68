"""A program whose streams break off or are left, through LiteLLM with Purser's callback; prints what came of each.

Takes the address of the stub and a workspace for each case. Run by test_litellm_streams.py with PURSER_KEY set.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from litellm.utils import Rules, function_setup
from purser_litellm import PurserBilling

SMALL, BIG = "openai/gpt-4o-mini", "openai/gpt-4o"
STUB: dict[str, Any] = {"api_base": sys.argv[1], "api_key": "none", "max_retries": 0}


def asked(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "stream": True}


async def read(stream: Any) -> str:
    said = ""
    async for chunk in stream:
        said += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    return said


def router() -> litellm.Router:
    names = {"small": SMALL, "big": BIG}
    models = [{"model_name": name, "litellm_params": {"model": model, **STUB}} for name, model in names.items()]
    return litellm.Router(models, num_retries=0, fallbacks=[{"small": ["big"]}])


@dataclass(frozen=True)
class Customer:
    billing: PurserBilling
    workspace: str

    async def open(self, text: str) -> Any:
        metadata = {"purser_workspace": self.workspace}
        return await litellm.acompletion(model=SMALL, metadata=metadata, **asked(text), **STUB)

    async def broken(self) -> str:
        return await read(await self.open("Please break off now"))

    async def broken_early(self) -> str:
        return await read(await self.open("Please break off early"))

    async def fallback(self) -> str:
        metadata = {"purser_workspace": self.workspace}
        return await read(await router().acompletion(model="small", metadata=metadata, **asked("break off if small")))

    async def _proxy(self, text: str, *, told_first: bool = False) -> str:
        """As the proxy does it: the tries of a call share LiteLLM's record of it, and its end is told once more."""
        metadata = {"user_api_key_hash": "88dc28d0", "user_api_key_team_id": self.workspace}
        data = {"model": "small", "metadata": metadata, "litellm_call_id": str(uuid4()), **asked(text)}
        log, data = function_setup("acompletion", Rules(), datetime.now(UTC), **data)
        try:
            return await read(await router().acompletion(**{**data, "litellm_logging_obj": log}))
        except Exception as error:
            if not told_first:
                await asyncio.sleep(1)
            used = {"combined_usage_object": log.model_call_details.get("combined_usage_object")}
            await self.billing.async_post_call_failure_hook({**data, **used}, error, None)
            raise

    async def proxy_fallback(self) -> str:
        return await self._proxy("break off if small")

    async def proxy_both_broken(self) -> str:
        return await self._proxy("break off")

    async def proxy_fallback_fails(self) -> str:
        return await self._proxy("break off if small, fail if big")

    async def proxy_told_first(self) -> str:
        return await self._proxy("break off if small, fail if big", told_first=True)

    async def _responses(self, text: str) -> tuple[Any, dict[str, Any]]:
        """A stream of the responses API as the proxy passes it on, and what the proxy keeps of the call."""
        metadata = {"user_api_key_hash": "88dc28d0", "user_api_key_team_id": self.workspace}
        data = {"model": SMALL, "litellm_metadata": metadata, "litellm_call_id": str(uuid4()), "input": text}
        log, data = function_setup("aresponses", Rules(), datetime.now(UTC), **data, stream=True)
        data = {**data, "litellm_logging_obj": log}
        stream = await litellm.aresponses(**data, **STUB)
        return self.billing.async_post_call_streaming_iterator_hook(None, stream, data), data

    async def responses(self) -> str:
        stream, _ = await self._responses("Hello")
        return " ".join([chunk.type async for chunk in stream])

    async def responses_left(self) -> str:
        stream, _ = await self._responses("Hello to you")
        said = str((await anext(stream)).delta)
        await stream.aclose()
        await asyncio.sleep(1)
        self.billing._running.clear()  # what was left stays there until its hold expires
        return said

    async def responses_broken(self) -> str:
        stream, _ = await self._responses("Please break off now")
        return " ".join([chunk.type async for chunk in stream])

    async def given_back(self) -> str:
        """Staff release the hold while the answer comes."""
        stream = await self.open("Hello")
        purser = self.billing.purser.of(self.workspace)
        for hold in purser.call("GET", "/usage/holds")[0]["data"]:
            purser.release(hold["hold"])
        return await read(stream)

    async def left(self) -> str:
        stream = await self.open("Hello to you")
        said = (await anext(stream)).choices[0].delta.content
        await self.billing.left(stream)
        await self.billing.left(stream)
        return str(said)

    async def left_unread(self) -> str:
        await self.billing.left(await self.open("Hello"))
        return ""

    async def left_after_its_end(self) -> str:
        stream = await self.open("Hello")
        said = await read(stream)
        await self.billing.left(stream)
        return said

    async def left_after_it_broke(self) -> str:
        stream = await self.open("Please break off now")
        try:
            return await read(stream)
        finally:
            await self.billing.left(stream)


async def main() -> None:
    billing = PurserBilling.from_environment()
    litellm.callbacks = [billing]
    told = {}
    for case, workspace in json.loads(sys.argv[2]).items():
        run: Callable[[], Awaitable[str]] = getattr(Customer(billing, workspace), case)
        try:
            told[case] = await run()
        except Exception as error:
            told[case] = type(error).__name__
        assert await billing.finish(), case
    print(json.dumps(told))


asyncio.run(main())
