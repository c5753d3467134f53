from testkit.rabbitmq_server import (  # noqa: F401 - fixtures
    private_rabbitmq,
    rabbitmq_node,
    rabbitmq_url,
)
