"""Laws of the errors of a response, one a file, and links from the response to the line."""
