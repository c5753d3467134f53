"""Push to devices: Web Push, FCM and APNs. Each takes the addresses that are of its own kind."""
