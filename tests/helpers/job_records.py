"""Records of jobs in one folder: the functions of ``base.checksums`` with the folder filled in."""

from functools import partial

from ultraseg.base import checksums


class RecordsIn:
    """Write, drop and name the records of a folder."""

    def __init__(self, folder):
        self.write = partial(checksums.write_record, folder=folder)
        self.drop = partial(checksums.drop_record, folder=folder)
        self.file = partial(checksums.record_file, folder=folder)
