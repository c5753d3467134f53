import pytest
from user_service.application.find_users import LookUpUsers
from user_service.domain.user import User, UserId
from user_service.infrastructure.memory import InMemoryUsers


@pytest.fixture
def users() -> InMemoryUsers:
    return InMemoryUsers(
        [User(id=UserId(name), addresses={}, preferred_channel=None) for name in "cabde"]
    )


async def test_a_look_up_names_the_unknown_ones_too(users: InMemoryUsers) -> None:
    found = await LookUpUsers(users=users)([UserId("a"), UserId("nobody"), UserId("a")])

    assert {user_id: user is not None for user_id, user in found.items()} == {
        "a": True,
        "nobody": False,
    }
