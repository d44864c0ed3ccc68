"""`make run`: checks, the database, preparation, then web, worker and beat until told to stop. See README.md."""
