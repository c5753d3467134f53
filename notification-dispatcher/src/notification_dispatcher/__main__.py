from notification_dispatcher.main import run

if __name__ == "__main__":
    run()
