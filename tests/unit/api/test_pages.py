import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.parameters import cut, decode_cursor, encode_cursor
from provenance.errors import InvalidRequest


@given(st.integers(0, 2**63 - 1))
def test_a_cursor_leads_back_to_its_index(index: int) -> None:
    assert decode_cursor(encode_cursor(index)) == index


@given(st.text(max_size=64))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    try:
        index = decode_cursor(text)
    except InvalidRequest:
        return
    assert index is not None
    assert encode_cursor(index) == text


def test_there_is_no_cursor_on_the_first_page() -> None:
    assert decode_cursor(None) is None


@pytest.mark.parametrize(
    "cursor", ["", "YmVmb3JlOjAx", "YmVmb3JlOjkyMjMzNzIwMzY4NTQ3NzU4MDg", "YmVmb3JlOi0x", "YmVmb3JlOjE="]
)
def test_a_cursor_has_one_encoding(cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        decode_cursor(cursor)


def test_a_page_names_its_last_item_only_if_more_follow() -> None:
    assert cut([1, 2, 3], 2) == ([1, 2], 2)
    assert cut([1, 2], 2) == ([1, 2], None)
    assert cut([], 2) == ([], None)
