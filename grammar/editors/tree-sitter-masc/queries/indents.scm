[(body) (record) (list) (call) (group) (imports)] @indent.begin
["}" "]" ")"] @indent.end @indent.branch
(prose) @indent.ignore
