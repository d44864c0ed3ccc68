"""A year of believable usage of a made-up company, the same for the same seed. No Django here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from billing.metering.events import EventInput

HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 19, 15, 18, 20, 19, 17, 14, 10, 8, 6, 4, 3, 2)  # weight by hour, UTC
WEEKEND = 0.42


@dataclass(frozen=True)
class Work:
    """One kind of request: who makes it, how often it is made, and what it uses."""

    model: str
    task: str
    agent: str
    app: str
    weight: float
    usage: Callable[[Random], dict[str, int]]
    since: float = 0.0  # share of the year after which it was introduced
    growth: float = 1.0  # weight at the end of the year relative to its start
    variant: tuple[tuple[str, str], ...] = ()


def _tokens(most_input: int, most_output: int, cached: float = 0.0) -> Callable[[Random], dict[str, int]]:
    def usage(rng: Random) -> dict[str, int]:
        spent = {
            "input_tokens": int(rng.triangular(most_input * 0.08, most_input, most_input * 0.3)),
            "output_tokens": int(rng.triangular(most_output * 0.05, most_output, most_output * 0.35)),
        }
        if cached and rng.random() < 0.6:
            spent["cached_input_tokens"] = int(spent["input_tokens"] * cached)
        return spent

    return usage


def _amount(meter: str, least: int, most: int) -> Callable[[Random], dict[str, int]]:
    return lambda rng: {meter: int(rng.triangular(least, most, least + (most - least) * 0.3))}


WORK = (
    Work("openai/gpt-4o-mini", "chat", "support-bot", "web", 34, _tokens(9_000, 1_400, 0.5), growth=1.3),
    Work("openai/gpt-4o-mini", "summarization", "support-bot", "slack", 10, _tokens(60_000, 1_800)),
    Work("openai/gpt-4o", "chat", "support-bot", "web", 11, _tokens(10_000, 1_600, 0.5), growth=0.35),
    Work("openai/gpt-4o", "action inference", "ops-agent", "api", 9, _tokens(12_000, 900), growth=1.5),
    Work(
        "anthropic/claude-sonnet-4-5",
        "chat",
        "research-copilot",
        "web",
        9,
        _tokens(26_000, 2_600, 0.6),
        0.3,
        growth=2.2,
    ),
    Work("anthropic/claude-haiku-4-5", "classification", "ops-agent", "api", 12, _tokens(6_000, 240), 0.55),
    Work(
        "openai/text-embedding-3-small",
        "embedding",
        "catalog-indexer",
        "api",
        12,
        _amount("embedding_tokens", 2_000, 90_000),
    ),
    Work(
        "openai/gpt-image-1",
        "image",
        "studio",
        "web",
        2.2,
        lambda rng: {"images": rng.choice((1, 1, 1, 2))},
        0.4,
        variant=(("quality", "medium"), ("size", "1024x1024")),
    ),
    Work(
        "elevenlabs/eleven_flash_v2_5",
        "tts",
        "voice-concierge",
        "phone",
        6,
        _amount("input_characters", 120, 1_900),
        0.2,
    ),
    Work(
        "deepgram/nova-3",
        "transcription",
        "voice-concierge",
        "phone",
        7,
        _amount("audio_input_seconds", 30, 780),
        0.2,
        growth=1.6,
    ),
)


@dataclass(frozen=True)
class Pace:
    """Requests on a weekday at the start and at the end."""

    first: float
    last: float

    def on(self, day: date, progress: float, rng: Random) -> int:
        base = self.first + (self.last - self.first) * float(progress**1.4)
        if day.weekday() >= 5:
            base *= WEEKEND
        return max(1, round(base * rng.gauss(1.0, 0.13)))


def day_events(
    *, day: date, progress: float, pace: Pace, rng: Random, until: datetime | None = None, prefix: str = "req"
) -> list[EventInput]:
    """The requests of one day (UTC) in order; with `until`, of the part of the day before it."""
    kinds = [work for work in WORK if work.since <= progress]
    weights = [work.weight * work.growth**progress for work in kinds]
    moments = sorted(_moments(day, pace.on(day, progress, rng), rng))
    events = []
    for number, moment in enumerate(moments):
        work = rng.choices(kinds, weights)[0]
        event = _event(work, moment, f"{prefix}_{day:%y%m%d}_{number:04d}", rng)
        if until is None or moment < until:
            events.append(event)
    return events


def latest_events(*, now: datetime, count: int, rng: Random) -> list[EventInput]:
    """A few requests of the last minutes, so that today is never empty."""
    moments = [now - timedelta(seconds=50 * (count - number) - 10) for number in range(count)]
    return [_event(WORK[0], moment, f"req_now_{number}", rng) for number, moment in enumerate(moments)]


def _moments(day: date, count: int, rng: Random) -> Iterator[datetime]:
    midnight = datetime.combine(day, time(), UTC)
    for hour in rng.choices(range(24), HOURS, k=count):
        yield midnight + timedelta(hours=hour, seconds=rng.randrange(3_600), milliseconds=rng.randrange(1_000))


def _event(work: Work, moment: datetime, event_id: str, rng: Random) -> EventInput:
    return EventInput(
        event_id=event_id,
        model=work.model,
        usage={meter: Decimal(quantity) for meter, quantity in work.usage(rng).items()},
        variant=dict(work.variant),
        occurred_at=moment,
        agent=work.agent,
        app=work.app,
        task=work.task,
        end_user=f"u_{rng.randrange(1, 240):03d}",
    )
