; Prose is Markdown, whatever its tag says.
((prose_content) @injection.content
  (#set! injection.language "markdown"))
