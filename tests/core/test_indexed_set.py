from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl.core.indexed_set import IndexedSet


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=100))
def test_it_holds_what_a_set_would_hold(changes: list[tuple[bool, int]]) -> None:
    indexed: IndexedSet[int] = IndexedSet()
    expected: set[int] = set()
    for is_added, item in changes:
        if is_added:
            indexed.add(item)
            expected.add(item)
        else:
            indexed.discard(item)
            expected.discard(item)

    assert set(indexed) == expected
    assert len(indexed) == len(indexed.items) == len(expected)
    assert {item for item in range(10) if item in indexed} == expected


def test_the_last_member_takes_the_place_of_one_that_is_removed() -> None:
    indexed: IndexedSet[str] = IndexedSet()
    for item in "abcd":
        indexed.add(item)

    indexed.discard("b")

    assert indexed.items == ["a", "d", "c"]
