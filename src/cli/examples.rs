//! What `mascot VERB --help` ends with: calls that answer what one came for. A test parses each.

pub const INIT: &str = "Examples:
  mascot init                                            here
  mascot init mine                                       in a folder of its own, then: mascot check mine/first.masc";

pub const CHECK: &str = "Examples:
  mascot check study.masc                                every fault at once, with what to write
  mascot check experiments/a.masc experiments/b.masc     several files
  mascot check study.masc --all                          the base, every variant and every point of a sweep
  mascot check study.masc --format github                annotations of a workflow; also sarif, short, json

Ends with 0 when clean, 1 when a program is wrong, 2 when the call is.";

pub const FMT: &str = "Examples:
  mascot fmt study.masc                                  in place
  mascot fmt --check experiments/a.masc                  ends with 1 when something would change
  mascot fmt --diff study.masc                           shows what would
  mascot fmt -                                           standard input to standard output";

pub const FIX: &str = "Examples:
  mascot fix study.masc                                  applies what `check` offers
  mascot fix --diff study.masc                           shows it";

pub const PLAN: &str = "Examples:
  mascot plan study.masc                                 what would run, why, and what it would cost
  mascot plan study.masc --variant smoke                 a variant in place of the base
  mascot plan study.masc --all                           the base, every variant, every sweep
  mascot plan study.masc --until persona_rm              that stage and what it needs
  mascot plan study.masc --set voices.lr=1e-5            with one value of your own
  mascot plan study.masc --json                          for a script

Ends with 0, what is missing listed.";

pub const DIFF: &str = "Examples:
  mascot diff old.masc new.masc                          two files
  mascot diff main..HEAD study.masc                      two git revisions; nothing is checked out
  mascot diff HEAD.. study.masc                          a revision and the file as it lies here
  mascot diff main..HEAD study.masc --format markdown    a comment for a pull request
  mascot diff main..HEAD study.masc --fail-on data       ends with 4 when a change is `data` or `objective`

`mascot explain classes` tells what the classes are.";

pub const RUN: &str = "Examples:
  mascot run study.masc --engine fake                    a rehearsal: no weights, no data, no network
  mascot run study.masc                                  for real; what the store holds is recalled
  mascot run study.masc --until persona_rm               that stage and what it needs
  mascot run study.masc --all                            with every variant and every sweep
  mascot run study.masc --allow 'net(\"api.openai.com:443\")'

Ends with 0; 3 when a task failed or something is missing; 4 when a gate or a budget stopped it; 130 when you did.";

pub const WHY: &str = "Examples:
  mascot why study.masc voices.anchor                    the field, both values, the line
  mascot why study.masc voices/anchor --json             for a script";

pub const LOCK: &str = "Examples:
  mascot lock study.masc                                 writes mascot.lock; fetches what `use` names from far away
  mascot lock                                            the same for all that is locked already
  mascot lock --check                                    ends with 1 when the lock is not what it should be
  mascot lock --update                                   looks tags and branches up again";

pub const PACK: &str = "Examples:
  mascot pack study.masc                                 study.mascpack: the program, its imports, texts, lock and data
  mascot pack study.masc --with-weights --out all.mascpack";

pub const UNPACK: &str = "Examples:
  mascot unpack study.mascpack there                     then: cd there, and run it";

pub const GRAPH: &str = "Examples:
  mascot graph study.masc --format mermaid               for a page
  mascot graph study.masc --json                         for a script";

pub const EXPLAIN: &str = "Examples:
  mascot explain M0207                                   a diagnostic, with a wrong and a right program
  mascot explain grpo                                    a kind of stage: its fields, types and defaults
  mascot explain min_gap                                 a field, wherever it is valid
  mascot explain relevance                               a term of rewards, a metric
  mascot explain units                                   every unit; also items, stages, calls, terms, codes, classes
  mascot explain plan                                    a verb";

pub const EXPAND: &str = "Examples:
  mascot expand study.masc --origins                     every value, its layer and its line
  mascot expand study.masc --variant smoke --json        at a variant, for a script";

pub const SHOW: &str = "Examples:
  mascot show study.masc situations                      splits, refused rows, a sample
  mascot show study.masc voices.anchor                   a task's record and artifacts";

pub const COMPLETIONS: &str = "Examples:
  mascot completions bash > ~/.local/share/bash-completion/completions/mascot
  mascot completions zsh > ~/.zfunc/_mascot              a folder of your fpath
  mascot completions fish > ~/.config/fish/completions/mascot.fish";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::cli::args::Cli;

    /// The calls in a text: from `mascot` to what redirects or explains.
    fn calls(text: &str) -> Vec<Vec<String>> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("  "));
        let calls = lines.filter(|line| line.starts_with("mascot "));
        calls.map(|line| words(line.split("   ").next().unwrap_or(line).split(" > ").next().unwrap_or(line))).collect()
    }

    /// Split at blanks, except in single quotes.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate();
        parts
            .flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
                _ => vec![part.to_owned()],
            })
            .collect()
    }

    #[test]
    fn every_example_of_the_help_is_a_call() {
        let mut seen = 0;
        for verb in Cli::command().get_subcommands() {
            let Some(text) = verb.get_after_help() else { continue };
            for call in calls(&text.to_string()) {
                assert!(call[1] == verb.get_name(), "{call:?} in the help of {}", verb.get_name());
                Cli::try_parse_from(&call).unwrap_or_else(|why| panic!("{call:?}: {why}"));
                seen += 1;
            }
        }
        assert!(seen > 30, "{seen}");
    }

    #[test]
    fn every_argument_says_what_it_is() {
        for verb in Cli::command().get_subcommands() {
            for argument in verb.get_arguments().filter(|one| one.get_id() != "help") {
                assert!(argument.get_help().is_some(), "{} {}", verb.get_name(), argument.get_id());
            }
        }
    }
}
