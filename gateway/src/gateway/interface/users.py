"""Users: where they are reached, and how they prefer to be."""

from typing import Final

from gateway.interface import vocabulary as v
from gateway.interface.operations import Body, Operation, Reply, reference

_CONTACT: Final = Body(
    schema="Contact",
    examples={
        "all channels": {
            "email": "ada@example.com",
            "sms": "+4915112345678",
            "push": "fcm-token-of-adas-phone",
            "preferred_channel": "email",
        }
    },
)

USER_OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/users",
        name="list_users",
        summary="List users",
        description="Gives a page of users, in the order of their ids.",
        parameters=(v.LIMIT, v.CURSOR),
        replies=(
            Reply(status=200, description="A page.", schema=reference("UserPage")),
            v.INVALID,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="GET",
        path="/users/{user_id}",
        name="get_user",
        summary="Find a user",
        description="Gives a user's id and contact.",
        parameters=(v.USER_ID,),
        replies=(
            Reply(status=200, description="The user.", schema=reference("User")),
            v.INVALID_PATH,
            v.NO_SUCH_USER,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="PUT",
        path="/users/{user_id}",
        name="put_user",
        summary="Store a user",
        description=(
            "Stores a user's contact whole: what is not given is not kept. Addresses are checked,"
            " and stored in their normal form."
        ),
        parameters=(v.SOMEONE,),
        body=_CONTACT,
        replies=(
            Reply(status=200, description="Replaced.", schema=reference("User")),
            Reply(
                status=201,
                description="Stored: the user is new.",
                schema=reference("User"),
                headers={"Location": "Where the user is found."},
            ),
            *v.BODY_REFUSALS,
            v.INVALID,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="DELETE",
        path="/users/{user_id}",
        name="delete_user",
        summary="Forget a user",
        description="Forgets a user with all addresses.",
        removes=True,
        parameters=(v.SOMEONE,),
        replies=(
            Reply(status=204, description="Forgotten."),
            v.INVALID_PATH,
            v.NO_SUCH_USER,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="GET",
        path="/users/{user_id}/contact-info",
        name="get_contact_info",
        summary="Find a user's addresses",
        description="Gives the address on each channel, null where there is none.",
        parameters=(v.USER_ID,),
        replies=(
            Reply(status=200, description="The contact.", schema=reference("ContactInfo")),
            v.INVALID_PATH,
            v.NO_SUCH_USER,
            v.UNAVAILABLE,
        ),
    ),
)
