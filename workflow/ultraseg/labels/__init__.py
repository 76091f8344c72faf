"""The user's labels: finding, reading and checking them, whatever their form."""
