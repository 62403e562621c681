"""The nouns: frozen values that every floor uses, with JSON both ways. No clock and no network."""
