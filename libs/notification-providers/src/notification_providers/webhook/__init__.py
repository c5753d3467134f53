"""`webhook://`: a POST to the URL that is the address, signed by Standard Webhooks."""
