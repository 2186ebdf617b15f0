"""A mail's text, to what its sender newly wrote: without the older mail it answers, the signature and the disclaimers."""
