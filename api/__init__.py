"""The HTTP edge: films and archives in, jobs, findings and pictures out.

Nothing is imported here: gunicorn's parent takes its worker from this room before it is set up.
"""
