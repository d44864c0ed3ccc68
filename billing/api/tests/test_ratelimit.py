import os
import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
import redis
from django.db import connection

from accounts import hooks
from accounts.models import ApiKey, Workspace
from billing.api.ratelimit import Limiter, limiter
from billing.api.ratelimit.limiter import slice_size
from billing.api.ratelimit.stores import PostgresStore, RedisStore, Store
from billing.api.tasks import forget_rate_windows
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.credits import clock


def test_the_key_is_stopped_at_its_limit_and_told_when_to_return(funded: Workspace) -> None:
    api = Api(key_of(funded, rate_limit=3))
    answers = [api.get("/api/v1/credits/lots") for _ in range(5)]
    # The minute may end between two of them.
    statuses = [answer.status for answer in answers]
    assert statuses in ([200, 200, 200, 429, 429], [200] * 4 + [429], [200] * 5)
    last = answers[-1]
    if last.status == 429:
        assert last.json["code"] == "rate_limited"
        assert 1 <= int(last.headers["Retry-After"]) <= 60
        assert last.headers["X-RateLimit-Remaining"] == "0"
        assert last.headers["X-RateLimit-Reset"] == last.headers["Retry-After"]
    assert [answer.headers["X-RateLimit-Limit"] for answer in answers] == ["3"] * 5


def test_what_is_over_the_limit_is_not_recorded(funded: Workspace) -> None:
    funded.usage_write_allowed = True
    funded.save()
    api = Api(key_of(funded, rate_limit=1))
    statuses = Counter(api.post("/api/v1/usage", usage_event(str(n))).status for n in range(4))
    assert statuses[201] <= 2
    assert set(statuses) == {201, 429}


def test_remaining_counts_down(funded: Workspace) -> None:
    api = Api(key_of(funded, rate_limit=100))
    seen = [int(api.get("/api/v1/credits/lots").headers["X-RateLimit-Remaining"]) for _ in range(7)]
    assert seen[0] == 99
    assert all(later == earlier - 1 or later == 99 for earlier, later in pairwise(seen))


def drain(store: Store, *, limit: int, processes: int, tries: int, key: str = "pws_1") -> int:
    """How many requests `processes` limiters with a memory each let through in one minute, asked in turns."""
    limiters = [Limiter(store) for _ in range(processes)]
    return sum(limiter.take(key=key, limit=limit, at=600.0).allowed for _ in range(tries) for limiter in limiters)


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
def test_several_processes_together_never_exceed_the_limit(db: None, limit: int) -> None:
    let = drain(PostgresStore(), limit=limit, processes=4, tries=limit)
    assert let <= limit
    assert let >= limit - 3 * max(1, limit // 20)  # at most a slice per other process lies unused


def test_threads_with_connections_of_their_own_share_one_limit(transactional_db: None) -> None:
    limit, passed = 200, []

    def process() -> None:
        limiter = Limiter(PostgresStore())
        passed.append(sum(limiter.take(key="pws_5", limit=limit, at=600.0).allowed for _ in range(100)))
        connection.close()

    threads = [threading.Thread(target=process) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit - 30 <= sum(passed) <= limit
    forget_rate_windows(now=clock.now(), limit=1000)


def test_under_load_most_requests_do_not_ask_the_database(db: None, django_assert_max_num_queries: object) -> None:
    limiter = Limiter(PostgresStore())
    for _ in range(50):
        assert limiter.take(key="pws_1", limit=6000, at=600.0).allowed
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        for _ in range(500):
            assert limiter.take(key="pws_1", limit=6000, at=600.0).allowed


def test_used_slowly_every_process_tells_the_exact_rest(db: None) -> None:
    one, other = Limiter(PostgresStore()), Limiter(PostgresStore())
    rest = [turn.take(key="pws_1", limit=600_000, at=600.0).remaining for _ in range(10) for turn in (one, other)]
    assert rest == list(range(599_999, 599_979, -1))


def test_a_raised_limit_counts_from_the_next_request(db: None) -> None:
    limiter = Limiter(PostgresStore())
    limits = [1, 1, 3, 3, 3, 2, 100]
    taken = [limiter.take(key="pws_1", limit=limit, at=600.0) for limit in limits]
    assert [rate.allowed for rate in taken] == [True, False, True, True, False, False, True]
    assert taken[-1].remaining == 96


def test_a_new_minute_starts_anew(db: None) -> None:
    limiter = Limiter(PostgresStore())
    assert [limiter.take(key="pws_1", limit=1, at=at).allowed for at in (600.0, 601.0, 660.0, 661.0)] == [
        True,
        False,
        True,
        False,
    ]


def test_slices_get_smaller_towards_the_end() -> None:
    assert slice_size(6000, 0, 1000) == 300
    assert slice_size(6000, 5900, 1000) == 25
    assert slice_size(6000, 6000, 1000) == 1
    assert slice_size(600_000, 0, 1000) == 500
    assert slice_size(600_000, 0, 120) == 120
    assert slice_size(600_000, 0, 49) == 1
    assert slice_size(3, 0, 1000) == 1


def test_finished_minutes_are_forgotten(db: None) -> None:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM api_rate_window")  # what tests with transactions of their own have left
    PostgresStore().take(key="pws_1", minute=int(now.timestamp() // 60), wanted=1, limit=5)
    PostgresStore().take(key="pws_1", minute=int(now.timestamp() // 60) - 60, wanted=1, limit=5)
    assert forget_rate_windows(now=now, limit=10) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM api_rate_window")
        assert cursor.fetchone() == (1,)


def test_without_redis_the_database_counts(db: None) -> None:
    # Nobody listens there.
    let = drain(RedisStore("redis://127.0.0.1:1/0"), limit=5, processes=2, tries=5)
    assert let == 5


if REDIS_URL := os.environ.get("REDIS_URL"):

    def test_redis_counts_for_all_processes(db: None) -> None:
        key = f"pws_{secrets.token_hex(4)}"
        let = drain(RedisStore(REDIS_URL), limit=100, processes=3, tries=100, key=key)
        assert 90 <= let <= 100
        assert 0 < redis.Redis.from_url(REDIS_URL).ttl(f"purser:rate:{key}:10") <= 180


def test_two_keys_do_not_share(funded: Workspace) -> None:
    first, second = Api(key_of(funded, rate_limit=1)), Api(key_of(funded, rate_limit=1))
    assert first.get("/api/v1/credits/lots").status == 200
    assert second.get("/api/v1/credits/lots").status == 200
    assert ApiKey.objects.count() == 2


def test_the_keys_of_a_workspace_share_the_limit_that_the_operator_set(funded: Workspace) -> None:
    Workspace.objects.update(rate_limit=3)
    keys = [Api(key_of(funded, rate_limit=limit)) for limit in (2, None)]
    answers = [keys[n % 2].get("/api/v1/credits/lots") for n in range(8)]
    refused = [answer for answer in answers if answer.status == 429]
    # The minute may end between two of them.
    assert len(refused) >= 2
    assert {answer.json["limited_by"] for answer in refused} <= {"key", "workspace"}
    last = keys[1].get("/api/v1/credits/lots")
    if last.status == 429:
        assert last.json["limited_by"] == "workspace"
        assert "All keys of this workspace together may make 3" in last.json["detail"]
        assert (last.headers["X-RateLimit-Limit"], last.headers["X-RateLimit-Remaining"]) == ("3", "0")
        assert last.headers["Retry-After"] == last.headers["X-RateLimit-Reset"]


def test_the_headers_tell_of_the_nearer_limit(funded: Workspace) -> None:
    Workspace.objects.update(rate_limit=100)
    wide, narrow = Api(key_of(funded, rate_limit=1000)), Api(key_of(funded, rate_limit=5))
    assert wide.get("/api/v1/credits/lots").headers["X-RateLimit-Limit"] == "100"
    assert narrow.get("/api/v1/credits/lots").headers["X-RateLimit-Limit"] == "5"


def test_a_limit_of_its_keys_never_stops_the_operators_backend(funded: Workspace, api: Api) -> None:
    Workspace.objects.update(rate_limit=1)
    customer = Api(key_of(funded))
    for _ in range(3):
        customer.get("/api/v1/credits/lots")
    assert [api.post("/api/v1/usage", usage_event(str(n))).status for n in range(4)] == [201] * 4


def test_two_workspaces_do_not_share(funded: Workspace) -> None:
    other = Workspace.objects.create(name="Other")
    Workspace.objects.update(rate_limit=1)
    assert [Api(key_of(each)).get("/api/v1/credits/lots").status for each in (funded, other)] == [200, 200]


@pytest.mark.parametrize("store", [PostgresStore(), RedisStore("redis://127.0.0.1:1/0")])
def test_asking_how_a_minute_stands_takes_nothing_from_it(db: None, store: Store) -> None:
    limiter = Limiter(store)
    for _ in range(4):
        limiter.take(key="pws_1", limit=10, at=630.0)
    for _ in range(2):
        assert Limiter(store).used(["pws_1", "pws_2"], at=640.0) == ({"pws_1": 4, "pws_2": 0}, 20)
    assert limiter.used(["pws_1"], at=660.0) == ({"pws_1": 0}, 60)
    assert limiter.used([], at=660.0) == ({}, 60)


def test_a_page_learns_how_the_keys_of_a_workspace_stand(funded: Workspace) -> None:
    Workspace.objects.update(rate_limit=50)
    own, plain = key_of(funded, rate_limit=7), key_of(funded)
    statuses = [Api(key).get("/api/v1/credits/lots").status for key in (own, own, plain)]
    assert statuses == [200] * 3
    funded.refresh_from_db()
    keys = list(ApiKey.objects.order_by("pk"))
    found = hooks.key_minutes[0](funded, keys)
    assert found.default == 6_000
    assert (found.keys[keys[0].pk].limit, found.keys[keys[0].pk].own) == (7, True)
    assert (found.keys[keys[1].pk].limit, found.keys[keys[1].pk].own) == (6_000, False)
    assert found.workspace is not None
    used = [found.keys[keys[0].pk].used, found.keys[keys[1].pk].used, found.workspace.used]
    assert used in ([2, 1, 3], [1, 1, 2], [0, 1, 1], [0, 0, 0])  # the minute may end between two of them
    assert found.keys[keys[0].pk].left == 7 - used[0]


class Refusing(PostgresStore):
    """Counts what was refused, as Redis does."""

    def used(self, *, keys: Sequence[str], **_: object) -> dict[str, int]:
        return dict.fromkeys(keys, 53)


def test_what_was_refused_does_not_count_as_used_on_the_page(
    funded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace.objects.update(rate_limit=50)
    funded.refresh_from_db()
    key_of(funded, rate_limit=7)
    monkeypatch.setattr(limiter, "_store", Refusing())
    key = ApiKey.objects.get()
    found = hooks.key_minutes[0](funded, [key])
    assert found.workspace is not None
    assert (found.keys[key.pk].used, found.keys[key.pk].left, found.workspace.used) == (7, 0, 50)
