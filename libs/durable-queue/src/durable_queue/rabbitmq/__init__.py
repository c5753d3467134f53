"""The queue on RabbitMQ."""
