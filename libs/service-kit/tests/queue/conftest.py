import pytest

pytest.register_assert_rewrite("service_kit.testing.queue_contract")
