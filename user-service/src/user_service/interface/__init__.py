"""HTTP: contacts to JSON and back, and what each error is answered with."""
