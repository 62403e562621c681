"""Turn any noun into text, Markdown, JSON or aws command lines; pure."""
