[(body) (record) (list) (prose) (imports)] @fold
