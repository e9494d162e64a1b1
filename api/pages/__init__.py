"""The pages: Jinja2 templates, plain ES modules, the drawing of the derivation graph, and the reference of the API."""
