import pytest
from user_service.application.find_users import ListUsers, LookUpUsers
from user_service.domain.user import User, UserId
from user_service.infrastructure.memory import InMemoryUsers


@pytest.fixture
def users() -> InMemoryUsers:
    return InMemoryUsers(
        [User(id=UserId(name), addresses={}, preferred_channel=None) for name in "cabde"]
    )


async def test_pages_follow_each_other_without_gap_or_repetition(users: InMemoryUsers) -> None:
    list_users = ListUsers(users=users)

    first = await list_users(after=None, limit=2)
    second = await list_users(after=first.next_after, limit=2)
    third = await list_users(after=second.next_after, limit=2)

    pages = [[user.id for user in page.users] for page in (first, second, third)]
    assert pages == [["a", "b"], ["c", "d"], ["e"]]


async def test_the_last_page_says_so_even_when_it_is_full(users: InMemoryUsers) -> None:
    page = await ListUsers(users=users)(after=UserId("c"), limit=2)

    assert page.next_after is None


async def test_a_store_without_users_has_one_empty_page() -> None:
    page = await ListUsers(users=InMemoryUsers())(after=None, limit=2)

    assert (page.users, page.next_after) == ([], None)


async def test_a_look_up_names_the_unknown_ones_too(users: InMemoryUsers) -> None:
    found = await LookUpUsers(users=users)([UserId("a"), UserId("nobody"), UserId("a")])

    assert {user_id: user is not None for user_id, user in found.items()} == {
        "a": True,
        "nobody": False,
    }
