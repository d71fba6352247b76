"""Web: the HTTP interface and the console."""
