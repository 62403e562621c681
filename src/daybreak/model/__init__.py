"""The nouns: frozen values that every floor speaks in, JSON both ways, no clock and no network."""
