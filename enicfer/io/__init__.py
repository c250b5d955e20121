"""Between the outside world and the records: one file per kind of file. Nothing here looks for faces in pictures."""
