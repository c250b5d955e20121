"""Results of other programs and of people: tables of faces, and codings."""
