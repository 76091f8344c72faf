"""What archives ask for: a run as a RO-Crate, a sheet for the BioImage Archive, trained networks as packages."""
