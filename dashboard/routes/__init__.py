"""Plain HTTP beside the page: health and downloads."""
