"""One module a step of the tables, oldest first; a step that was released is never changed."""
