"""WHAT is asked: the service description's parameters, checked before anything is sent."""
