//! Why the grammar does not accept a text, in the user's words. Part of `parse`, as it speaks of the grammar's rules.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::Rule;

/// A text that the grammar does not accept: where it gave up, and in the user's words what could have stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::syntax) struct Refusal {
    /// Offset in the file.
    pub at: usize,
    pub expected: Vec<&'static str>,
    /// Given up, not refused: too large.
    pub too_long: bool,
}

pub(super) fn refusal(base: usize, error: &Error<Rule>) -> Refusal {
    let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
    match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => {
            let mut expected: Vec<_> = positives.iter().filter_map(|rule| in_words(*rule)).collect();
            expected.sort_unstable();
            expected.dedup();
            // Where a value could stand, so could each of the ways to begin one.
            if expected.contains(&VALUE) {
                expected.retain(|words| !matches!(*words, "`(`" | "`[`" | "`{`" | "a name" | "a text in quotes"));
            }
            // Where a value ends, an operator or a call's `(` could always follow; what matters is how the form goes on.
            if expected.len() > 1 {
                expected.retain(|words| !matches!(*words, OPERATOR | "`(`"));
            }
            Refusal { at: base + at, expected, too_long: false }
        }
        ErrorVariant::CustomError { .. } => Refusal { at: base + at, expected: Vec::new(), too_long: true },
    }
}

const OPERATOR: &str = "an operator";
const VALUE: &str = "a value";

/// What a user would call what a rule reads; `None` for what they have no word for. A new rule does not compile until
/// someone has decided.
#[rustfmt::skip] // one rule a line would be two pages
fn in_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::expression | Rule::inside | Rule::bound | Rule::constant | Rule::list | Rule::group | Rule::record
        | Rule::call | Rule::quantity | Rule::number | Rule::minus | Rule::not | Rule::path => VALUE,
        Rule::or | Rule::and | Rule::comparison | Rule::range | Rule::additive | Rule::multiplicative | Rule::access
        | Rule::unit => OPERATOR,
        Rule::string | Rule::prose | Rule::folded => "a text in quotes",
        Rule::name | Rule::star | Rule::base => "a name",
        Rule::argument => "an argument",
        Rule::import => "a name to import",
        Rule::imports | Rule::open_brace | Rule::body => "`{`",
        Rule::close_brace => "`}`",
        Rule::open_bracket => "`[`",
        Rule::close_bracket => "`]`",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::comma => "a new line",
        Rule::comma_only => "`,`",
        Rule::equals | Rule::sign => "`=`",
        Rule::colon | Rule::named => "`:`",
        Rule::edition | Rule::kw_masc => "`masc 1`",
        Rule::use_item | Rule::param_item | Rule::let_item | Rule::secret_item | Rule::stage_item | Rule::stage_head
        | Rule::block_item | Rule::block_head | Rule::block_keyword | Rule::kw_use | Rule::kw_param | Rule::kw_let
        | Rule::kw_secret | Rule::kw_stage => "an item",
        Rule::gate | Rule::skip | Rule::block | Rule::inner_head | Rule::block_word | Rule::assign | Rule::kw_gate
        | Rule::kw_skip => "a field",
        Rule::binder | Rule::kw_for => "`for`",
        Rule::extends | Rule::kw_extends => "`extends`",
        Rule::kw_as => "`as`",
        Rule::kw_from => "`from`",
        Rule::kw_env => "`env`",
        Rule::kw_in => "`in`",
        Rule::kw_else => "`else \"…\"`",
        Rule::EOI => "the end of the line",
        Rule::file | Rule::item | Rule::entry | Rule::separator | Rule::infix | Rule::bound_infix | Rule::value_end | Rule::operand
        | Rule::prefix | Rule::primary | Rule::reserved | Rule::word_char | Rule::end_of_word | Rule::text | Rule::tag
        | Rule::closing | Rule::prose_line | Rule::blank | Rule::WHITESPACE | Rule::comment | Rule::nl | Rule::only_item
        | Rule::only_stage_head | Rule::only_block_head | Rule::only_inner_head | Rule::only_entry | Rule::only_set => return None,
    })
}
