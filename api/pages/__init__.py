"""The pages: Jinja2 templates, plain ES modules, and the drawing of the derivation graph."""
