"""Views: one Panel/HoloViews viewer a file."""
