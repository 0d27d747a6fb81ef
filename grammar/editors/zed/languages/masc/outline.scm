(item keyword: (keyword) @context name: (identifier) @name) @item
(stage "stage" @context name: (identifier) @name) @item
(let "let" @context name: (identifier) @name) @item
(param "param" @context name: (identifier) @name) @item
