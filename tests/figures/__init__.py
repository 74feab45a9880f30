"""Every number that README and docs quote, computed and written by `make figures`.

Each figure is a module with `table(cache, small) -> str`: Markdown that goes to docs/figures/<name>.md and between
the marks `<!-- figure:<name> -->` and `<!-- /figure -->` wherever a page quotes it. What takes long is kept in
.figures/, by the content of the code that made it, so that an interrupted run goes on where it stopped.
"""
