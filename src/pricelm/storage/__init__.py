"""Storage: pricelm's own tables. The only room that speaks SQL, and only services open it."""
