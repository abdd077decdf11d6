"""Reading content that comes as files: Markdown with front matter, and the schema that fits it."""
