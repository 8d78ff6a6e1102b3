"""The one way in for a film, shared by the API and the expander."""

from storage.intake.film import FilmIntake, IntakenFilm, PreparedFilm

__all__ = ["FilmIntake", "IntakenFilm", "PreparedFilm"]
