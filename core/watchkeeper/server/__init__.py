"""The HTTP service: what the command line and Python do to alerts, for everything that speaks HTTP.

`running.serving` begins and ends it, `application.application` is the ASGI application by itself. Whoever adds routes
writes one module in `routes` and names it there; paths, parameters, bodies and answers are documented from it.
Needs the extra ``server``; importing this package alone loads nothing of it.
"""
