"""What the tests of every package share; never imported by production modules."""
