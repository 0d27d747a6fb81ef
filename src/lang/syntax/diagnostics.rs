//! One function for each thing that can be wrong with the writing of a file: code, words, help, fix. `M00xx`.
//!
//! A message says what is wrong with *their* text, the help what to write. No rule of the grammar is ever named.

use super::literal::NumberFault;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

// ---- the file ------------------------------------------------------------------------------------------------------------

pub fn file_too_large(start: Span, bytes: usize, limit: usize) -> Diagnostic {
    Diagnostic::error("M0001", start, format!("the file has {bytes} bytes, more than {limit}"))
        .help("move some of its items into another file and `use` them")
}

pub fn nul_byte(at: Span) -> Diagnostic {
    Diagnostic::error("M0002", at, "the file holds a NUL byte, so it is no text").help("save it as UTF-8 text")
}

pub fn missing_edition(start: Span) -> Diagnostic {
    Diagnostic::error("M0003", start, "the file does not say its edition").help("write `masc 1` on the first line").fix(
        "add `masc 1`",
        start,
        "masc 1\n",
    )
}

pub fn unknown_edition(number: Span, written: &str) -> Diagnostic {
    Diagnostic::error("M0004", number, format!("edition `{written}` is not known"))
        .help("this mascot reads edition 1: `masc 1`")
}

pub fn edition_in_capitals(word: Span, written: &str) -> Diagnostic {
    Diagnostic::error("M0003", word, format!("the edition is written `masc`, not `{written}`"))
        .help("write `masc 1` on the first line")
        .fix("write `masc`", word, "masc")
}

pub fn edition_without_number(word: Span) -> Diagnostic {
    Diagnostic::error("M0004", word, "the edition has no number").help("this mascot reads edition 1: `masc 1`").fix(
        "write `masc 1`",
        word,
        "masc 1",
    )
}

/// `is_second`: the file begins with one, as it should; else it moves to the `top`.
pub fn edition_not_first(item: Span, is_second: bool, (written, top): (&str, Span)) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0005", item, "the edition stands once, before everything else");
    match is_second {
        true => diagnostic.help("remove this line").fix("remove it", item, ""),
        false => diagnostic
            .help("move this line to the top of the file")
            .fix_of("move it to the top", [(top, format!("{written}\n")), (item, String::new())]),
    }
}

pub fn too_many_items(at: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("M0006", at, format!("the file has more than {limit} items"))
        .help("move some into another file and `use` them")
}

pub fn too_deep(opener: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("M0007", opener, format!("brackets are nested more than {limit} deep"))
        .help("name the inner part by a `let`")
}

pub fn too_long(expression: Span) -> Diagnostic {
    Diagnostic::error(
        "M0008",
        expression,
        "this expression has more than 100 operators in a row, or 200 parts in each other",
    )
    .help("name parts of it by a `let`")
}

pub fn too_many_parts(keyword: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("M0008", keyword, format!("this item has more than {limit} lines and commas"))
        .help("name parts of it by a `let`, or move them into a file that `text(\"…\")` or a dataset reads")
}

/// `meant`: the same in ASCII letters, when each looks like one.
pub fn not_ascii(word: Span, letter: char, meant: Option<&str>) -> Diagnostic {
    let code = letter as u32;
    let message = format!("`{}` (U+{code:04X}) stands outside of a text", visible(letter));
    let diagnostic = Diagnostic::error("M0022", word, message);
    match meant {
        Some(meant) => diagnostic.help(format!("it looks like a Latin letter and is none: write `{meant}`")).fix(
            format!("write `{meant}`"),
            word,
            meant,
        ),
        None => diagnostic.help("names are ASCII letters, digits and `_`; other letters belong into texts in quotes"),
    }
}

/// What looks like a blank, or like nothing.
pub fn no_blank(at: Span, letter: char, is_blank: bool) -> Diagnostic {
    let (seems, instead) = if is_blank { ("a blank", " ") } else { ("nothing", "") };
    let message = format!("U+{:04X} looks like {seems} and stands outside of a text", letter as u32);
    let title = if is_blank { "write a blank" } else { "remove it" };
    Diagnostic::error("M0022", at, message).help(title).fix(title, at, instead)
}

pub fn hidden_letter(at: Span, letter: char) -> Diagnostic {
    let code = letter as u32;
    let diagnostic =
        Diagnostic::warning("M0023", at, format!("this text holds a character that is not seen (U+{code:04X})"));
    if letter.is_control() {
        return diagnostic.help("it is a command to a terminal, and no letter; remove it");
    }
    diagnostic
        .help("it hides letters or changes the order in which they are shown; remove it, unless the language of the text needs it")
}

pub fn look_alike(at: Span, letter: char, latin: char) -> Diagnostic {
    let code = letter as u32;
    Diagnostic::warning(
        "M0024",
        at,
        format!("`{letter}` (U+{code:04X}) looks like `{latin}` and stands beside Latin letters"),
    )
    .help(format!("write `{latin}`, unless it is meant"))
    .fix(format!("write `{latin}`"), at, latin.to_string())
}

/// A letter as it can be shown without harm.
fn visible(letter: char) -> char {
    if letter.is_alphanumeric() { letter } else { '\u{fffd}' }
}

// ---- what is never closed ------------------------------------------------------------------------------------------------

pub fn unclosed_string(quote: Span) -> Diagnostic {
    Diagnostic::error("M0010", quote, "this string is not closed on its line")
        .help("close it with `\"`; text of several lines stands between lines of `\"\"\"`")
}

pub fn unclosed_prose(fence: Span, quotes: usize) -> Diagnostic {
    let fence_text = "\"".repeat(quotes.min(8));
    Diagnostic::error("M0011", fence, "this prose is never closed")
        .help(format!("close it with a line that holds only `{fence_text}`, indented like the text"))
}

pub fn unclosed_bracket(opener: Span, bracket: u8, wrong_closer: Option<Span>) -> Diagnostic {
    let (open, close) = match bracket {
        b'{' => ('{', '}'),
        b'[' => ('[', ']'),
        _ => ('(', ')'),
    };
    let diagnostic = Diagnostic::error("M0012", opener, format!("this `{open}` is never closed"));
    match wrong_closer {
        Some(closer) => diagnostic
            .also(closer, "this closes another kind of bracket")
            .help(format!("write `{close}` here"))
            .fix(format!("write `{close}`"), closer, close),
        None => diagnostic.help(format!("write its `{close}`")),
    }
}

pub fn nothing_to_close(closer: Span, bracket: char) -> Diagnostic {
    Diagnostic::error("M0013", closer, format!("there is nothing open that `{bracket}` could close"))
        .help("remove it, or write the opening bracket")
        .fix("remove it", closer, "")
}

pub fn missing_open_brace(header: Span, closer: Option<Span>) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0014", header, "this item has no `{`")
        .help("write `{` at the end of this line")
        .fix("add `{`", Span { start: header.end, ..header }, " {");
    match closer {
        Some(closer) => diagnostic.also(closer, "closed here"),
        None => diagnostic,
    }
}

/// `moved`: the blanks before the text, and the new line that takes their place.
pub fn prose_on_fence_line(fence: Span, moved: Option<(Span, String)>) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0015", fence, "prose begins on the line below its opening quotes")
        .help("after `\"\"\"` only a word like `md` may stand; one line of text is a string, `\"…\"`");
    match moved {
        Some((blanks, line)) => diagnostic.fix("begin the text on the next line", blanks, line),
        None => diagnostic,
    }
}

pub fn other_quotes(string: Span, text: &str) -> Diagnostic {
    Diagnostic::error("M0016", string, "a text stands between straight double quotes")
        .help("write `\"` before and after it")
        .fix("write `\"`", string, format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

pub fn slashes(at: Span) -> Diagnostic {
    Diagnostic::error("M0017", at, "a comment does not begin with `//`")
        .help("a comment begins with `#`, one that belongs to the next item with `##`")
        .fix("write `#`", at, "#")
}

pub fn header_on_two_lines(second: Span) -> Diagnostic {
    Diagnostic::error("M0018", second, "an item's header stands on one line")
        .help("join it with the line above, up to its `{`; a long list can have a name by `let`")
}

// ---- items ---------------------------------------------------------------------------------------------------------------

pub fn unknown_item(keyword: Span, written: &str, nearest: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0020", keyword, format!("`{written}` is no kind of item"));
    let owner = match written {
        "criterion" => Some("a `rubric`"),
        "example" | "test" => Some("a `persona`"),
        "grid" | "zip" | "skip" => Some("a `sweep`"),
        "gate" => Some("a stage, or in a persona's `test`"),
        "executor" => Some("a `profile`"),
        _ => None,
    };
    if let Some(owner) = owner {
        return diagnostic.help(format!("it belongs in {owner}"));
    }
    // How other languages say it; nearer letters mislead.
    let nearest = match written {
        "import" | "include" | "require" | "from" => Some("use"),
        "const" | "var" | "def" => Some("let"),
        _ => nearest,
    };
    match nearest {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), keyword, near),
        None => diagnostic.help("`mascot explain items` lists what a file can hold"),
    }
}

/// Another item's keyword where an entry is wanted.
pub fn item_in_item(keyword: Span, written: &str) -> Diagnostic {
    Diagnostic::error(
        "M0020",
        keyword,
        format!("`{written}` begins an item, and an item does not stand inside another"),
    )
    .help("close the item above with `}` before it")
}

pub fn missing_let(name: Span, written: &str) -> Diagnostic {
    Diagnostic::error("M0021", name, format!("`{written}` is set outside of any item"))
        .help(format!("`let {written} = …` names a value; a field stands inside an item's braces"))
        .fix("add `let`", Span { end: name.start, ..name }, "let ")
}

// ---- entries and expressions ---------------------------------------------------------------------------------------------

/// Whatever has no better words: what stands here, and what could have stood here.
pub fn unexpected(at: Span, found: &str, expected: &[&str]) -> Diagnostic {
    let message = match expected {
        [] => format!("unexpected {found}"),
        [one] => format!("expected {one}, found {found}"),
        [head @ .., last] => format!("expected {} or {last}, found {found}", head.join(", ")),
    };
    Diagnostic::error("M0030", at, message)
}

pub fn missing_sign(after: Span, field: &str) -> Diagnostic {
    Diagnostic::error("M0031", after, format!("there is no `=` between `{field}` and its value"))
        .help(format!("write `{field} = …`"))
        .fix("add `=`", Span { start: after.end, ..after }, " =")
}

pub fn colon_for_equals(sign: Span, field: &str) -> Diagnostic {
    Diagnostic::error("M0032", sign, format!("`{field}` takes `=`, not `:`"))
        .help("fields and the inside of records take `=`; named arguments of a call take `:`")
        .fix("write `=`", sign, "=")
}

pub fn equals_for_colon(sign: Span, argument: &str) -> Diagnostic {
    Diagnostic::error("M0033", sign, format!("the argument `{argument}` takes `:`, not `=`"))
        .help("named arguments of a call take `:`; fields and the inside of records take `=`")
        .fix("write `:`", sign, ":")
}

pub fn second_separator(separator: Span) -> Diagnostic {
    Diagnostic::error("M0034", separator, "one separator is enough")
        .help("entries stand on lines of their own, or are parted by one `,` or `;`")
        .fix("remove it", separator, "")
}

pub fn block_with_equals(sign: Span, word: &str) -> Diagnostic {
    Diagnostic::error("M0035", sign, format!("`{word}` takes no `=` before its `{{`"))
        .help(format!("write `{word} {{ … }}`"))
        .fix("remove `=`", sign, "")
}

pub fn record_without_equals(field: Span, written: &str, nearest: Option<&str>) -> Diagnostic {
    let message = match nearest {
        Some(_) => format!("`{written}` is no block, and there is no `=` before its `{{`"),
        None => format!("there is no `=` between `{written}` and its `{{`"),
    };
    let diagnostic = Diagnostic::error("M0036", field, message);
    match nearest {
        Some(near) => {
            diagnostic.help(format!("did you mean the block `{near}`?")).fix(format!("write `{near}`"), field, near)
        }
        None => diagnostic.help(format!("a record is written `{written} = {{ … }}`")).fix(
            "add `=`",
            Span { start: field.end, ..field },
            " =",
        ),
    }
}

pub fn missing_else(at: Span, keyword: &str) -> Diagnostic {
    Diagnostic::error("M0037", at, format!("this `{keyword}` does not say why"))
        .help(format!("end it with `else \"…\"`: `{keyword} … else \"why it matters\"`"))
}

// ---- numbers and texts ---------------------------------------------------------------------------------------------------

pub fn bad_number(at: Span, written: &str, fault: NumberFault) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0040", at, format!("`{written}` is not a number"));
    match fault {
        NumberFault::Suffix(digits) => {
            let (number, suffix) = written.split_at(digits);
            let thousands = match suffix {
                "k" | "K" => Some("000"),
                "m" | "M" => Some("000_000"),
                _ => None,
            };
            match thousands.filter(|_| number.bytes().all(|byte| byte.is_ascii_digit())) {
                Some(zeros) => {
                    let full = format!("{number}_{zeros}");
                    // In tokens and bytes people mean powers of two as often.
                    let binary =
                        number.parse::<u64>().ok().filter(|_| zeros == "000").and_then(|n| n.checked_mul(1_024));
                    let help = match binary.map(|n| n.to_string()).filter(|n| n.len() > 3) {
                        Some(n) => format!("write it out: `{full}`, or `{}_{}`", &n[..n.len() - 3], &n[n.len() - 3..]),
                        None => format!("write it out: `{full}`"),
                    };
                    diagnostic.help(help).fix(format!("write `{full}`"), at, full.clone())
                }
                None => diagnostic.help(format!(
                    "if `{suffix}` is a unit, put a blank before it: `{number} {suffix}`; else remove it"
                )),
            }
        }
        NumberFault::EndsInPoint => {
            let whole = written.trim_end_matches('.').to_owned();
            diagnostic.help(format!("a number never ends in `.`: write `{whole}`")).fix(
                format!("write `{whole}`"),
                at,
                whole,
            )
        }
        NumberFault::BeginsWithPoint => diagnostic.help(format!("write `0{written}`")),
        NumberFault::Underscore => diagnostic.help("`_` stands between two digits, as in `2_048`"),
        NumberFault::Points => diagnostic.help("a number has one `.` at most; a range is written `1..5`"),
        NumberFault::TooLarge => diagnostic.help("it is too large to be told from infinity"),
    }
}

pub fn bad_escape(at: Span, written: &str) -> Diagnostic {
    Diagnostic::error("M0041", at, format!("`{written}` means nothing in a string"))
        .help("a backslash is written `\\\\`; the others are `\\\"`, `\\n`, `\\t` and `\\u{e9}`")
}

pub fn prose_under_indented(line: Span) -> Diagnostic {
    Diagnostic::error("M0042", line, "this line is indented less than the quotes that close the prose")
        .help("indent it at least as far, or move the closing quotes to the left; do not mix tabs and blanks")
}
