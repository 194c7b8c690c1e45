"""What people read: HTML, Markdown, JSON, CSV and clips."""
