//! Tells Zed how the language server is started: `mascot lsp`, the binary on the path.

use zed_extension_api::{self as zed, Command, LanguageServerId, Result, Worktree};

struct Masc;

impl zed::Extension for Masc {
    fn new() -> Self {
        Masc
    }

    fn language_server_command(&mut self, _: &LanguageServerId, worktree: &Worktree) -> Result<Command> {
        let command = worktree.which("mascot").ok_or("there is no `mascot` on the path")?;
        Ok(Command { command, args: vec!["lsp".to_owned()], env: worktree.shell_env() })
    }
}

zed::register_extension!(Masc);
