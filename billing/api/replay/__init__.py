"""Playing a request trace through the HTTP API, as a customer's backend would report it."""
