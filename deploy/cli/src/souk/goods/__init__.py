"""Products in files: read and imported, fetched and written."""
