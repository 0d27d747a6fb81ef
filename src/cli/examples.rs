//! What `mascot VERB --help` ends with: calls that answer what one came for. A test parses each.

pub const INIT: &str = "Examples:
  mascot init                                   here
  mascot init mine                              in a folder that is a root of its own

Then: mascot run mine/first.masc --variant smoke";

pub const CHECK: &str = "Examples:
  mascot check study.masc                       every fault at once, with what to write
  mascot check experiments/a.masc experiments/b.masc   several files
  mascot check study.masc --all                 the base, every variant and every point of a sweep
  mascot check study.masc --format github       annotations of a workflow; also sarif, short

Ends with 0 when clean, 1 when a program is wrong, 2 when the call is.";

pub const FMT: &str = "Examples:
  mascot fmt study.masc                         in place
  mascot fmt --check experiments/a.masc         ends with 1 when something would change
  mascot fmt --diff study.masc                  shows what would
  mascot fmt -                                  standard input to standard output";

pub const FIX: &str = "Examples:
  mascot fix study.masc                         applies what `check` offers
  mascot fix --diff study.masc                  shows it";

pub const LINT: &str = "Examples:
  mascot lint study.masc                        what is right and will cost money or truth
  mascot lint study.masc --format github        annotations of a workflow
  mascot fix --lint study.masc                  mends what is mechanical

What is meant all the same: `# lint: allow M0920 \"why\"` at the end of its line or above it.
Ends with 0 on warnings. `mascot explain M0920` has a rule's page.";

pub const MIGRATE: &str = "Examples:
  mascot migrate old.masc                       written as the newest edition
  mascot migrate --diff old.masc                shows what would change";

pub const TEST: &str = "Examples:
  mascot test study.masc                        every test of every persona that speaks in it
  mascot test study.masc --persona witness      those of one
  mascot test study.masc --changed              those that would be asked anew since HEAD
  mascot test study.masc --changed main         since another revision
  mascot test study.masc --engine fake          rehearsed: its numbers mean nothing

What policies need is trained or recalled first, as `mascot run` does.
Ends with 0 when all pass, 4 when one fails, 3 when one cannot be asked.";

pub const PLAN: &str = "Examples:
  mascot plan study.masc                        what would run, why, and what it would cost
  mascot plan study.masc --variant smoke        a variant in place of the base
  mascot plan study.masc --all                  the base, every variant, every sweep
  mascot plan study.masc --until persona_rm     that stage and what it needs
  mascot plan study.masc --set voices.lr=1e-5   with one value of your own
  mascot plan study.masc --out tonight.plan     to be reviewed, and run as it is
  mascot plan study.masc --json                 for a script

Signs: = recalled, ~ to run, \u{21bb} pending behind what runs first. Times: low \u{b7} likely \u{b7} high.
Ends with 0, what is missing listed; with 4 when even the low estimate goes over a budget.";

pub const DIFF: &str = "Examples:
  mascot diff old.masc new.masc                 two files
  mascot diff main...HEAD                       every experiment that this branch reaches
  mascot diff study.masc                        what has become of it since HEAD
  mascot diff run:latest study.masc             what was run last, and the file
  mascot diff main...HEAD --format markdown     a comment for a pull request
  mascot diff main...HEAD --with-data           with a cost by the rows of the data at hand
  mascot diff main...HEAD --fail-on data        ends with 4 when a change is `data` or stricter
  mascot diff --install                         `git diff` tells meaning from now on

`mascot explain classes` tells what the classes are.";

pub const RUN: &str = "Examples:
  mascot run study.masc --engine fake           a rehearsal: no weights, no data, no network
  mascot run study.masc                         for real; what the store holds is recalled
  mascot run study.masc --until persona_rm      that stage and what it needs
  mascot run study.masc --sweep rates --jobs 2   the points of a sweep, two tasks at once
  mascot run study.masc --all                   with every variant and every sweep
  mascot run tonight.plan                       what `plan --out` wrote; refused once an input moved
  mascot run study.masc --allow 'net(\"api.openai.com:443\")'

Ctrl-C stops it; the same call goes on from there.
Ends with 0; 3 when a task failed or something is missing; 4 when a gate or a budget stopped it;
130 when you did.";

pub const WHY: &str = "Examples:
  mascot why study.masc voices.anchor           the field, both values, the line
  mascot why study.masc voices/anchor --json    for a script";

pub const LOCK: &str = "Examples:
  mascot lock study.masc                        and fetches what `use` names from far away
  mascot lock                                   the same for all that is locked already
  mascot lock --check                           ends with 1 when the lock is not what it should be
  mascot lock --update                          looks tags and branches up again";

pub const PACK: &str = "Examples:
  mascot pack study.masc                        study.mascpack: imports, texts, lock and data too
  mascot pack study.masc --with-weights --out all.mascpack";

pub const UNPACK: &str = "Examples:
  mascot unpack study.mascpack there            then: cd there, and run it";

pub const GRAPH: &str = "Examples:
  mascot graph study.masc --format mermaid      for a page
  mascot graph study.masc --json                for a script";

pub const EXPLAIN: &str = "Examples:
  mascot explain M0207                          a diagnostic, with a wrong and a right program
  mascot explain grpo                           a kind of stage: its fields, types and defaults
  mascot explain min_gap                        a field, wherever it is valid
  mascot explain relevance                      a term of rewards, a metric
  mascot explain units                          also items, stages, calls, terms, codes, classes
  mascot explain plan                           a verb";

pub const EXPAND: &str = "Examples:
  mascot expand study.masc --origins            every value, its layer and its line
  mascot expand study.masc --variant smoke --json   at a variant, for a script";

pub const SHOW: &str = "Examples:
  mascot show study.masc situations             splits, refused rows, a sample
  mascot show study.masc voices.anchor          a task's record and artifacts";

pub const IMPORT: &str = "Examples:
  mascot import ann.png                         ann_lee.masc, and ann_lee.card.json beside it
  mascot import ann.json --out personas/ann.masc   where it is to be";

pub const EXPORT: &str = "Examples:
  mascot export ann_lee.masc --card v3          to standard output
  mascot export ann_lee.masc --card v2 --out ann.json
  mascot export study.masc --persona witness --card v3 --image face.png --out witness.png";

pub const RUNS: &str = "Examples:
  mascot runs                                   those of the store of this folder's root
  mascot runs --store /scratch/mascot           of another store
  mascot diff run:latest study.masc             what has changed since the last of them
  mascot report study.masc --run 20261121-104112   the page of one of them again";

pub const REPORT: &str = "Examples:
  mascot report study.masc                      of the latest run; computes nothing
  mascot report study.masc --out /tmp/study.html   somewhere else
  mascot report study.masc --run 20261121-104112   of an earlier run; `mascot runs` lists them";

pub const GC: &str = "Examples:
  mascot gc --dry-run                           what would go, and how much that is
  mascot gc                                     what no run names; a stopped run can still go on
  mascot gc --keep 3                            all but each experiment's last 3 runs, too";

#[cfg(feature = "engine")]
pub const SCORE: &str = "Examples:
  mascot score --model models/SmolLM2-135M --input lines.jsonl
  mascot score --model base.gguf --adapter out/anchor --input lines.jsonl

A line in: {\"prompt\": \"…\", \"completion\": \"…\"}, {\"messages\": […]} or {\"ids\": […]}.
A line out: {\"ids\", \"logprobs\", \"sum\", \"mean\"}, natural logarithms.";

#[cfg(feature = "engine")]
pub const GENERATE: &str = "Examples:
  mascot generate --model models/SmolLM2-135M --input asked.jsonl
  mascot generate --model base.gguf --input asked.jsonl --temperature 0.9 --max-new 100

A line in: {\"messages\": [{\"role\", \"content\"}]}. A line out: {\"ids\", \"text\", \"finish\"}.";

pub const LSP: &str = "Examples:
  mascot lsp                                    what an editor calls (docs/editors.md)";

pub const COMPLETIONS: &str = "Examples:
  mascot completions bash > ~/.local/share/bash-completion/completions/mascot
  mascot completions zsh > ~/.zfunc/_mascot     a folder of your fpath
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
            let text = verb.get_after_help().unwrap_or_else(|| panic!("{} has no example", verb.get_name()));
            let text = text.to_string();
            // What is wider is broken by clap in the middle of a column.
            let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap_or_default();
            assert!(widest.chars().count() <= 100, "{widest}");
            let calls = calls(&text);
            assert!(calls.iter().any(|call| call[1] == verb.get_name()), "{text}");
            for call in calls {
                let is_verb = |one: &clap::Command| one.get_name() == call[1];
                assert!(Cli::command().get_subcommands().any(is_verb), "{call:?} in the help of {}", verb.get_name());
                Cli::try_parse_from(&call).unwrap_or_else(|why| panic!("{call:?}: {why}"));
                seen += 1;
            }
        }
        assert!(seen > 60, "{seen}");
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
