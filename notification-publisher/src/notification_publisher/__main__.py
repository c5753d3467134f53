from notification_publisher.main import run

if __name__ == "__main__":
    run()
