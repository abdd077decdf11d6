"""From stored text to what readers and crawlers get: HTML, plain text, pages, feeds, site maps."""
