# A package, so that the `tests` which NeuroKit2 leaves in site-packages is not imported in its place.
