"""The CDS Hooks service: the only place with a network, a clock and a store."""
