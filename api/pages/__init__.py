"""The pages: Jinja2 templates, plain ES modules, and the derivation graph drawn."""
