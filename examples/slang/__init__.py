"""The demo: real words with ten real ratings each go the whole way, from simulated phones to a published version."""
