"""`fake://`: for trying out, tests, and rehearsing faults."""
