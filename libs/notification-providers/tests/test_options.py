import pytest
from notification_providers.registry import check_provider
from notification_providers.urls import InvalidProviderUrl


@pytest.mark.parametrize("token", ["to%0Aken", "tok%C3%A9n", "to%20ken", ""])
@pytest.mark.parametrize(
    ("channel", "url"),
    [
        ("sms", "sms+https://u:{token}@h.example/?to={{to}}&text={{text}}&_auth=bearer"),
        ("email", "resend://{token}@/?from=a@b.example"),
    ],
)
def test_a_token_that_no_header_can_hold_is_refused(channel, url, token):
    with pytest.raises(InvalidProviderUrl):
        check_provider(url.format(token=token), channel)
