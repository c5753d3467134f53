"""HTTP for small services: an app with its manners, a lean client, and the server that runs it."""
