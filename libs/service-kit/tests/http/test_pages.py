import pytest
from service_kit.http.pages import read_page


@pytest.mark.parametrize(
    ("there", "page", "last"),
    [("abc", "ab", "b"), ("ab", "ab", None), ("a", "a", None), ("", "", None)],
)
async def test_a_page_tells_after_what_the_next_one_begins_if_there_is_one(there, page, last):
    async def read(limit):
        return there[:limit]

    assert await read_page(read, 2) == (page, last)
