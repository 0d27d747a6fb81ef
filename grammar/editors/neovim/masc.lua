-- mascot in Neovim 0.11 or later. Put this file at `~/.config/nvim/lua/masc.lua` and write `require("masc")` in `init.lua`.
-- The server is the binary itself: `mascot lsp`.

vim.filetype.add({ extension = { masc = "masc" } })

vim.lsp.config("mascot", {
  cmd = { "mascot", "lsp" },
  filetypes = { "masc" },
  root_markers = { "mascot.lock", ".git" },
})
vim.lsp.enable("mascot")

vim.api.nvim_create_autocmd("FileType", {
  pattern = "masc",
  callback = function(event)
    vim.bo[event.buf].commentstring = "# %s"
    vim.bo[event.buf].shiftwidth = 2
    vim.bo[event.buf].expandtab = true
    -- Colours by tree-sitter, where its parser was built (`docs/editors.md`); the server's semantic tokens come on top.
    pcall(vim.treesitter.start, event.buf, "masc")
  end,
})

-- In one style at every save.
vim.api.nvim_create_autocmd("BufWritePre", {
  pattern = "*.masc",
  callback = function(event)
    if #vim.lsp.get_clients({ bufnr = event.buf, name = "mascot" }) > 0 then
      vim.lsp.buf.format({ bufnr = event.buf, name = "mascot", timeout_ms = 1000 })
    end
  end,
})
