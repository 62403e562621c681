"""The only home of the HTTP client: health pages of the application are asked here."""
