from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl.core.parted_dict import PartedDict

KEYS = st.text(max_size=2)


@given(st.lists(st.tuples(KEYS, st.integers() | st.none())))
def test_it_has_what_a_dict_has(changes: list[tuple[str, int | None]]) -> None:
    parted: PartedDict[str, int] = PartedDict()
    plain: dict[str, int] = {}

    for key, value in changes:
        if value is None:
            assert parted.pop(key) == plain.pop(key, None)
        elif value % 2:
            assert parted.setdefault(key, value) == plain.setdefault(key, value)
        else:
            parted[key] = plain[key] = value
        assert (key in parted) == (key in plain)

    for key, _ in changes:
        assert parted.get(key) == plain.get(key)
