"""What every package may use: messages for users, whole files, checksums, threads, colours, numbers in words."""
