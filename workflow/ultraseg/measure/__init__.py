"""Tables of cells, contacts, organelles and protrusions from final labels."""
