from hypothesis import given
from hypothesis import strategies as st

from billing.metering.events import Source
from billing.metering.origins import LONGEST, cloud_origin, key_class

CLASSES = st.sampled_from(["workspace", "service"])


@given(CLASSES, st.text(min_size=1, max_size=400))
def test_an_origin_fits_its_column_and_tells_the_class_of_key(kind: str, source: str) -> None:
    origin = cloud_origin(kind, source)
    assert len(origin) <= LONGEST
    assert Source(origin).key_class == key_class(origin) == kind


@given(*[st.tuples(CLASSES, st.text(min_size=1, max_size=250))] * 2)
def test_different_sources_never_share_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (cloud_origin(*one) == cloud_origin(*other)) == (one == other)


def test_a_source_cannot_pretend_to_be_the_digest_of_another() -> None:
    long = "x" * 300
    digested = cloud_origin("service", long)
    for source in (digested, digested.removeprefix("ce-"), digested.rpartition(":")[2]):
        assert cloud_origin("service", source) != digested


def test_a_class_of_key_is_an_origin_itself() -> None:
    for kind in ("workspace", "service"):
        assert Source(kind).key_class == kind
