import pytest
from asyncnotify_prove.backing import Backing
from asyncnotify_prove.faults import PROVIDER_FAULTS, Fault, parse_faults

OWN_RABBITMQ = Backing.parse("amqp://", None)
THEIR_RABBITMQ = Backing.parse("amqp://guest:guest@broker:5672/", None)
IN_MEMORY = Backing.parse("amqp://", "memory://")


def test_without_a_word_it_is_a_redis_of_its_own():
    backing = Backing.parse("redis://", None)

    assert (backing.owns_broker, backing.is_on_rabbitmq, backing.ledger_url) == (True, False, None)
    assert backing.name == "Redis"


def test_rabbitmq_is_given_a_redis_of_its_own_for_the_records():
    assert (OWN_RABBITMQ.owns_broker, OWN_RABBITMQ.owns_ledger) == (True, True)
    assert OWN_RABBITMQ.name == "RabbitMQ, records in Redis"
    assert IN_MEMORY.name == "RabbitMQ, records in the publisher's memory"


@pytest.mark.parametrize(
    ("backing", "impossible"),
    [
        (Backing(), {Fault.BROKER_ALARM, Fault.KILL_LEDGER, *PROVIDER_FAULTS}),
        (Backing(has_lab=True), {Fault.BROKER_ALARM, Fault.KILL_LEDGER, Fault.POISON}),
        (OWN_RABBITMQ, PROVIDER_FAULTS),
        (
            THEIR_RABBITMQ,
            {Fault.KILL_BROKER, Fault.RESTART_BROKER, Fault.BROKER_ALARM, *PROVIDER_FAULTS},
        ),
        (
            IN_MEMORY,
            {
                *(Fault.KILL_PUBLISHER, Fault.KILL_LEDGER, Fault.BROKER_CLOCK_JUMP),
                *PROVIDER_FAULTS,
            },
        ),
    ],
)
def test_all_faults_are_all_that_make_sense(backing, impossible):
    assert set(parse_faults("all", backing.possible())) == set(Fault) - impossible - {
        Fault.BROKER_CLOCK_JUMP
    }
    for fault in impossible:
        with pytest.raises(ValueError, match=f"^{fault}: "):
            backing.select([fault])


@pytest.mark.parametrize(
    ("broker_url", "ledger_url", "why"),
    [
        ("amqps://broker", None, "redis:// or amqp://, not amqps://"),
        ("redis://", "redis://", "keeps the ledger itself"),
        ("amqp://", "sqlite://", "redis:// or is memory://"),
    ],
)
def test_what_can_not_be_had_is_said_to_be_so(broker_url, ledger_url, why):
    with pytest.raises(ValueError, match=why):
        Backing.parse(broker_url, ledger_url)
