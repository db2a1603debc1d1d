"""Plain HTTP beside the page: health, downloads and the documentation."""
