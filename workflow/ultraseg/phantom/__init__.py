"""The synthetic tissue of the demo and of the tests, with labels and truth."""
