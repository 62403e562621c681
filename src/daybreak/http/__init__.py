"""The only home of the HTTP client, which asks the application's health pages."""
