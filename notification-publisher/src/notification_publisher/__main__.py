from service_kit.launch import launch


def run() -> None:
    """Run the service until it is told to stop."""
    launch("notification_publisher.main")


if __name__ == "__main__":
    run()
