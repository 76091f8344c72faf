"""The command ultraseg."""
