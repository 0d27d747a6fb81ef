//! `mascot`: argv → cli → exit code. Everything else is in [`cli`] and the packages below it.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
