//! How a call ended, as a number. The numbers are a promise (`docs/language.md`): scripts and CI read them.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// The program is wrong (also bad UTF-8).
    ProgramWrong,
    /// The call is wrong (also an unreadable file).
    CallWrong,
    /// A task failed, or the run cannot start: all that is missing was told at once.
    Failed,
    /// A gate, a budget or the memory limit stopped it.
    Gated,
    /// `plan --detailed-exitcode`: there is something to do.
    ToDo,
    /// The user stopped it; it can go on.
    Interrupted,
}

impl Exit {
    pub fn number(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::ProgramWrong => 1,
            Exit::CallWrong => 2,
            Exit::Failed => 3,
            Exit::Gated => 4,
            Exit::ToDo => 5,
            Exit::Interrupted => 130,
        }
    }
}

impl Exit {
    /// Of two endings the one that says more: a call over several files ends with its worst.
    pub fn or(self, other: Self) -> Self {
        if other.number() > self.number() { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.number())
    }
}
