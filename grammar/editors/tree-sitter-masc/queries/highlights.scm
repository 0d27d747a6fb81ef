; Colours for .masc. A later pattern wins over an earlier one.

(identifier) @variable
(path (identifier) @variable)
(path . (identifier) (identifier) @variable.member)

(comment) @comment
(doc_comment) @comment.documentation

(number) @number
(unit) @type.builtin
(constant) @constant.builtin
(string) @string
(escape) @string.escape
(slot) @variable.builtin
(prose_start) @string.special
(prose_content) @string
(prose_end) @string.special

(edition "masc" @keyword)
(keyword) @keyword
["use" "param" "let" "secret" "stage" "gate" "skip"] @keyword
["as" "from" "env" "for" "extends" "else"] @keyword
["in" "and" "or" "not"] @keyword.operator

(item name: (identifier) @type.definition)
(stage name: (identifier) @function)
(stage kind: (identifier) @type)
(stage variable: (identifier) @variable.parameter)
(extends base: (identifier) @type)
(param name: (identifier) @constant)
(param type: (identifier) @type.builtin)
(let name: (identifier) @constant)
(secret name: (identifier) @constant)
(block name: (identifier) @property)
(assignment path: (path (identifier) @property))
(call name: (identifier) @function.call)
(argument name: (identifier) @variable.parameter)
(access name: (identifier) @property)
(star) @character.special

["=" "+=" "-=" "==" "!=" "<=" ">=" "<" ">" ".." "+" "-" "*" "/"] @operator
["{" "}" "[" "]" "(" ")"] @punctuation.bracket
["," ";" ":" "."] @punctuation.delimiter
