//! What each form becomes in the tree, and what is told of each fault of writing.

use super::super::ast::{AssignOp, BinaryOp, Body, Entry, Expr, ExprKind, ItemKind, Segment, UnaryOp};
use super::super::parse_set;
use super::{clean, masc, read};
use crate::source::FileId;

/// What is told of a file with these items.
fn told(items: &str) -> Vec<String> {
    read(&masc(items)).1
}

/// What is told of an entry of a persona, without its line.
fn told_in(entry: &str) -> Vec<String> {
    let told = told(&format!("persona p {{\n{entry}\n}}"));
    told.iter().map(|one| one.replacen(" 3:", " ", 1)).collect()
}

fn value(expression: &str) -> Expr {
    match clean(&masc(&format!("let x = {expression}"))).items.remove(0).kind {
        ItemKind::Let { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

/// The tree, with every operator bracketed.
fn shape(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Number { value, unit } => format!("{value}{}", unit.as_ref().map_or("", |unit| &unit.value)),
        ExprKind::Path(path) => path
            .iter()
            .map(|step| match step {
                Segment::Name(name) => name.value.as_str(),
                Segment::Star(_) => "*",
            })
            .collect::<Vec<_>>()
            .join("."),
        ExprKind::Call { name, args } => {
            format!("{}({})", name.value, args.iter().map(|arg| shape(&arg.value)).collect::<Vec<_>>().join(","))
        }
        ExprKind::Field { of, name } => format!("{}.{}", shape(of), name.value),
        ExprKind::List(list) => format!("[{}]", list.iter().map(shape).collect::<Vec<_>>().join(",")),
        ExprKind::Range { low, high } => format!("({}..{})", shape(low), shape(high)),
        ExprKind::Unary { op: UnaryOp::Minus, of } => format!("(-{})", shape(of)),
        ExprKind::Unary { op: UnaryOp::Not, of } => format!("(not {})", shape(of)),
        ExprKind::Binary { op, left, right, .. } => format!("({} {op:?} {})", shape(left), shape(right)),
        ExprKind::String(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn operators_bind_as_the_grammar_says() {
    assert_eq!(shape(&value("a + b * c - d")), "((a Add (b Multiply c)) Subtract d)");
    assert_eq!(shape(&value("not a == 1 and b or c")), "(((not (a Equal 1)) And b) Or c)");
    assert_eq!(shape(&value("-3..3")), "((-3)..3)");
    assert_eq!(shape(&value("2 * 3..4 + 1 in x")), "(((2 Multiply 3)..(4 Add 1)) In x)");
    assert_eq!(shape(&value("(a + b) * c")), "((a Add b) Multiply c)");
    assert_eq!(shape(&value("-delta(a, b).low.x > -1")), "((-delta(a,b).low.x) Greater (-1))");
    assert_eq!(shape(&value("a - -b")), "(a Subtract (-b))");
}

#[test]
fn words_that_begin_with_an_operator_are_words() {
    assert_eq!(shape(&value("android + order * notes")), "(android Add (order Multiply notes))");
    assert_eq!(shape(&value("[nonesuch, trueish, inside, elsewhere]")), "[nonesuch,trueish,inside,elsewhere]");
    assert_eq!(shape(&value("use + let.model.persona")), "(use Add let.model.persona)");
}

#[test]
fn numbers_take_units() {
    assert_eq!(
        shape(&value("[2_048 tok, 40%, 96 GiB, 15..60 tok, 1..5, 1.5..2]")),
        "[2048tok,40%,96GiB,(15..60tok),(1..5),(1.5..2)]"
    );
    let within = value("400 steps # a comment");
    assert_eq!(within.span.end - within.span.start, 9);
}

#[test]
fn an_expression_goes_on_in_brackets_and_after_operators() {
    assert_eq!(shape(&value("1 +\n  2 and # why\n\n  not\n  b")), "((1 Add 2) And (not b))");
    assert_eq!(shape(&value("[\n a\n + b\n ,\n c # last\n ,\n]")), "[(a Add b),c]");
    assert_eq!(shape(&value("f(\n  1,\n  2\n).low")), "f(1,2).low");
}

#[test]
fn a_record_in_a_list_has_lines_again() {
    let list = value("[{ a = 1\n b = 2 }, { c = 3; d = 4, }]");
    let ExprKind::List(records) = list.kind else { panic!("{list:?}") };
    for record in records {
        assert!(matches!(record.kind, ExprKind::Record(fields) if fields.len() == 2));
    }
}

fn body(items: &str) -> Body {
    match clean(&masc(items)).items.remove(0).kind {
        ItemKind::Block { body, .. } | ItemKind::Stage { body, .. } => body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn prose_is_the_text_between_its_fences() {
    let body = body(
        "persona p {\n  voice = \"\"\"md\n    a \\n { \"\n      b\n    \"\"\"\n  x = >\"\"\"\"\n  a\n  b\n  \"\"\"\n  \"\"\"\"\n}",
    );
    let texts: Vec<_> = body
        .entries
        .iter()
        .map(|entry| match entry {
            Entry::Assign(assign) => match &assign.value.kind {
                ExprKind::Prose { text, folded } => (text.as_str(), *folded),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, [("a \\n { \"\n  b", false), ("a b \"\"\"", true)]);
}

#[test]
fn keywords_are_fields_and_names_where_they_stand_so() {
    let body = body(
        "dataset gate {\n  split = { train = 80%, val = 10%, test = 10% }\n  judge = a\n  test = 1\n  gate = 2\n  skip.example = 3\n  test \"x\" { given = \"y\" }\n}",
    );
    assert_eq!(body.entries.len(), 6);
    assert!(matches!(&body.entries[5], Entry::Block(block) if block.title.is_some()));
}

#[test]
fn entries_are_parted_by_lines_commas_or_semicolons() {
    assert_eq!(body("budget b { x = 1, y = 2; z = 3 }").entries.len(), 3);
    assert_eq!(body("budget b {\n  x = 1,\n  y = 2;\n\n  z = 3,\n}").entries.len(), 3);
    assert_eq!(body("budget b\n{ x = 1 }").entries.len(), 1);
    assert_eq!(body("budget b {}").entries.len(), 0);
    assert_eq!(told_in("x = 1,, y = 2"), ["M0034 7 one separator is enough"]);
    assert_eq!(told_in("x = 1;\n; y = 2"), ["M0034 4:1 one separator is enough"]);
    assert_eq!(told_in(", y = 2"), ["M0034 1 one separator is enough"]);
}

#[test]
fn lists_are_edited_by_three_signs() {
    let body = body("persona p {\n a = 1\n crew.*.never += [b]\n c -= d\n}");
    let ops: Vec<_> =
        body.entries.iter().map(|entry| matches!(entry, Entry::Assign(a) if a.op != AssignOp::Set)).collect();
    assert_eq!(ops, [false, true, true]);
}

#[test]
fn docs_belong_to_the_next_item() {
    let tree = clean("masc 1\n## one\n## two\n# not this\nlet a = 1\nlet b = 2 ## nor this\n");
    assert_eq!(tree.items[0].doc.as_deref(), Some("one\ntwo"));
    assert_eq!(tree.items[1].doc, None);
}

#[test]
fn a_header_ends_before_its_brace() {
    let text = masc("stage x = grpo for p in [a, b] extends y { # why\n}");
    let tree = clean(&text);
    let item = &tree.items[0];
    assert_eq!(&text[item.header.start as usize..item.header.end as usize], "stage x = grpo for p in [a, b] extends y");
    assert_eq!(&text[item.span.start as usize..item.span.end as usize], &text[7..]);
}

#[test]
fn spans_hold_no_comments() {
    let text =
        masc("judge j {\n  votes = 3   # three\n  gate a else \"b\"   # why\n  criterion c 5%   # five\n}\n# end");
    let tree = clean(&text);
    let ItemKind::Block { body, .. } = &tree.items[0].kind else { panic!() };
    let texts: Vec<_> = body
        .entries
        .iter()
        .map(|entry| match entry {
            Entry::Assign(assign) => assign.span,
            Entry::Gate { span, .. } => *span,
            Entry::Block(block) => block.span,
            other => panic!("{other:?}"),
        })
        .map(|span| &text[span.start as usize..span.end as usize])
        .collect();
    assert_eq!(texts, ["votes = 3", "gate a else \"b\"", "criterion c 5%"]);
}

#[test]
fn a_byte_order_mark_and_carriage_returns_mean_nothing() {
    let text = include_str!("good.masc");
    let crlf = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let strip = |text: &str| format!("{:?}", clean(text).items.iter().map(|item| item.doc.clone()).collect::<Vec<_>>());
    assert_eq!(strip(text), strip(&crlf));
    let voice = masc("persona p {\r\n  v = \"\"\"\r\n    a\r\n    b\r\n    \"\"\"\r\n}\r\n");
    assert!(format!("{:?}", clean(&voice)).contains(r#"text: "a\nb""#));
}

#[test]
fn the_edition_comes_first_and_once() {
    assert_eq!(read("").1, ["M0003 1:1 the file does not say its edition"]);
    assert_eq!(read("# nothing\n").1, ["M0003 1:1 the file does not say its edition"]);
    assert_eq!(read("let x = 1\n").1, ["M0003 1:1 the file does not say its edition"]);
    assert_eq!(read("masc 2\n").1, ["M0004 1:6 edition `2` is not known"]);
    assert_eq!(read("masc\n").1, ["M0004 1:1 the edition has no number"]);
    assert_eq!(read("Masc 1\nlet x = 1\n").1, ["M0003 1:1 the edition is written `masc`, not `Masc`"]);
    // What follows it, and belongs to nothing, is no fault of the edition.
    assert_eq!(read("masc 1\n}\nlet a = 1\n").1, ["M0013 2:1 there is nothing open that `}` could close"]);
    assert_eq!(read("masc 1 # c\n  foo\n").1, ["M0030 2:3 expected an item, found `foo`"]);
    let late = "M0005 2:1 the edition stands once, before everything else";
    assert_eq!(read("let x = 1\nmasc 1\n").1, [late], "one fault, and not that there is none");
    assert_eq!(read("masc 1.0\nlet x = 1").1, ["M0004 1:6 edition `1.0` is not known"]);
    assert_eq!(read("masc 1\nlet x = 1\nmasc 1\n").1, ["M0005 3:1 the edition stands once, before everything else"]);
    clean("# a comment before it\n\nmasc 1 # after it\n");
}

#[test]
fn faulty_items_declare_their_names() {
    let (tree, told) =
        read(&masc("personna anchor {\n}\nlet x = \npersona \"q\" {\n}\nuse \"p\" { a, b as c, 3 }\nstage s = {\n}"));
    assert_eq!(told.len(), 5, "{told:#?}");
    let names: Vec<Vec<_>> = tree
        .items
        .iter()
        .map(|item| match &item.kind {
            ItemKind::Faulty { declares } => declares.iter().map(|name| name.value.as_str()).collect(),
            // What was meant for a persona is read as one.
            ItemKind::Block { keyword, name, body, .. } if keyword.value == "persona" && body.is_faulty() => {
                vec![name.value.as_str()]
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, [vec!["anchor"], vec!["x"], vec![], vec!["a", "c"], vec!["s"]]);
}

#[test]
fn a_let_with_a_faulty_value_is_still_a_let() {
    let tree = read(&masc("let k = 2k\n")).0;
    assert!(matches!(&tree.items[0].kind, ItemKind::Let { value, .. } if matches!(value.kind, ExprKind::Faulty)));
}

#[test]
fn what_is_wrong_with_an_item_is_told_where_it_is() {
    assert_eq!(told("personna x {\n}"), ["M0020 2:1 `personna` is no kind of item"]);
    assert_eq!(told("crew = [a]"), ["M0021 2:1 `crew` is set outside of any item"]);
    assert_eq!(told("judge = [a]"), ["M0021 2:1 `judge` is set outside of any item"]);
    assert_eq!(told("= 3"), ["M0030 2:1 expected an item, found `=`"]);
    assert_eq!(told("persona x"), ["M0030 2:9 expected `extends`, `{` or a text in quotes, found the end of the line"]);
    assert_eq!(told("persona {\n}"), ["M0030 2:9 expected a name, found `{`"]);
    assert_eq!(told("persona x {\n} y"), ["M0030 3:3 expected the end of the line, found `y`"]);
    assert_eq!(told("let x 3"), ["M0030 2:7 expected `=`, found a number"]);
    assert_eq!(told("param k = 3"), ["M0030 2:9 expected `:`, found `=`"]);
    assert_eq!(told("stage x {\n}"), ["M0030 2:9 expected `=`, found `{`"]);
    assert_eq!(told("secret k \"A\""), ["M0030 2:10 expected `from`, found a text"]);
    assert_eq!(told("use \"a\""), ["M0030 2:7 expected `as` or `{`, found the end of the line"]);
    let split = told("stage x = grpo\n  for persona in crew {\n  lr 3\n}");
    assert_eq!(split.len(), 2, "{split:#?}");
    assert_eq!(split[0], "M0018 3:3 an item's header stands on one line");
    assert_eq!(told("let none = 3"), ["M0030 2:5 expected a name, found `none`"]);
    assert_eq!(told("let = 3"), ["M0030 2:5 expected a name, found `=`"]);
    assert_eq!(
        told("persona x {\n  persona y {\n  }\n}"),
        ["M0020 3:3 `persona` begins an item, and an item does not stand inside another"]
    );
    let far = told("let a = [1]\npersona x extends p.q.r {\n}");
    assert_eq!(far, ["M0030 3:22 expected the end of the line, found `.`"]);
    clean(&masc("persona x extends p.anchor {\n}\nstage s = sft for a in crew extends p.s {\n}"));
}

#[test]
fn what_is_wrong_with_an_entry_is_told_where_it_is() {
    assert_eq!(told_in("lr 3"), ["M0031 1 there is no `=` between `lr` and its value"]);
    assert_eq!(told_in("lr: 3"), ["M0032 3 `lr` takes `=`, not `:`"]);
    assert_eq!(told_in("lr ="), ["M0030 4 expected a value, found the end of the line"]);
    assert_eq!(told_in("a = f(x = 3)"), ["M0033 9 the argument `x` takes `:`, not `=`"]);
    assert_eq!(told_in("a = { x: 3 }"), ["M0032 8 `x` takes `=`, not `:`"]);
    assert_eq!(told_in("example = { given = \"x\" }"), ["M0035 9 `example` takes no `=` before its `{`"]);
    assert_eq!(told_in("sample { n = 3 }"), ["M0036 1 there is no `=` between `sample` and its `{`"]);
    assert_eq!(
        told_in("exampel { given = \"x\" }"),
        ["M0036 1 `exampel` is no block, and there is no `=` before its `{`"]
    );
    assert_eq!(told_in("gate x > 3"), ["M0037 1 this `gate` does not say why"]);
    assert_eq!(told_in("gate x > else \"m\""), ["M0030 10 expected a value, found `else`"]);
    assert_eq!(told_in("n = 2k tok"), ["M0040 5 `2k` is not a number"]);
    assert_eq!(told_in("n = 1."), ["M0040 5 `1.` is not a number"]);
    assert_eq!(told_in("n = .5"), ["M0040 5 `.5` is not a number"]);
    assert_eq!(told_in("n = 1 2"), ["M0030 7 expected the end of the line, found a number"]);
    assert_eq!(told_in("n = [1 2]"), ["M0030 8 expected `,` or `]`, found a number"]);
    assert_eq!(told_in("n = \"\\d\""), ["M0041 6 `\\d` means nothing in a string"]);
    assert_eq!(told_in("n = “curly, quotes”"), ["M0016 5 a text stands between straight double quotes"]);
    assert_eq!(
        told_in("n = \"\"\"md\n  a\n b\n  \"\"\""),
        ["M0042 5:1 this line is indented less than the quotes that close the prose"]
    );
    assert_eq!(told_in("n = \"\"\"one line\"\"\""), ["M0015 5 prose begins on the line below its opening quotes"]);
    assert_eq!(told_in("n = f(a: 16 b: 2)"), ["M0030 13 expected `)` or `,`, found `b`"]);
    assert_eq!(told_in("n = { a = 16 b = 2 }"), ["M0030 14 expected `}` or a new line, found `b`"]);
    assert_eq!(told_in("n = a b"), ["M0030 7 expected the end of the line, found `b`"]);
    assert_eq!(told_in("n = 'it's so, too'"), ["M0016 5 a text stands between straight double quotes"]);
    assert_eq!(told_in("n = f('a', ‘b’)").len(), 2);
    assert_eq!(told_in("n = f(\n  a\n  : 3\n)"), Vec::<String>::new(), "a new line means nothing in brackets");
    assert_eq!(told_in("n = 1 // one"), ["M0017 7 a comment does not begin with `//`"]);
    assert_eq!(told_in("// one"), ["M0017 1 a comment does not begin with `//`"]);
    assert_eq!(told_in("n = a @ b"), ["M0030 7 expected the end of the line, found `@`"]);
    assert_eq!(told_in("n == 3"), ["M0030 3 expected `=`, found `==`"]);
    // A block's word takes no `=`, so none is missed.
    assert_eq!(told_in("criterion b \"y\" w"), ["M0030 17 expected a value or the end of the line, found `w`"]);
    assert_eq!(told_in("criterion b \"y\" -40%"), ["M0030 17 expected a value or the end of the line, found `-`"]);
}

/// A text that begins beside its opening quotes is one fault, wherever it is closed.
#[test]
fn prose_beside_its_quotes_is_one_fault() {
    let one = ["M0015 3:11 prose begins on the line below its opening quotes"];
    for text in [
        "persona z {\n  voice = \"\"\"You are kind.\n  Be brief.\n  \"\"\"\n  role = \"x\"\n}",
        "persona z {\n  voice = \"\"\"You are kind.\n  \"\"\"\n  role = \"x\"\n}",
        "persona z {\n  voice = \"\"\"md You are {kind.\n\n  Be = brief.\n  \"\"\"\n  role = \"x\"\n}",
    ] {
        assert_eq!(told(text), one, "{text}");
    }
    let folded = "persona z {\n  voice = >\"\"\"You are kind.\n  \"\"\"\n}";
    assert_eq!(told(folded), ["M0015 3:12 prose begins on the line below its opening quotes"]);
}

/// A bracket of another kind, or a list at the indent of its field, hides nothing and breeds nothing.
#[test]
fn a_bracket_that_is_not_closed_is_one_fault() {
    let wrong = "model m {\n  weights = random(arch: \"qwen3\"}\n  dtype f32\n}\nlet a = 1";
    assert_eq!(
        told(wrong),
        ["M0012 3:19 this `(` is never closed", "M0031 4:3 there is no `=` between `dtype` and its value"]
    );
    for last in ["\"b\"", "3", "b,", "(1, 2)"] {
        let text = format!("persona z {{\n  never = [\n  {last}\n  role = \"x\"\n}}\nlet a = 1");
        assert_eq!(told(&text), ["M0012 3:11 this `[` is never closed"], "{text}");
    }
}

#[test]
fn two_faults_in_a_nested_block_are_two() {
    let entry = "criterion c \"x\" 5% {\n low 3\n mid = 4x\n high = \"ok\"\n}";
    assert_eq!(told_in(entry).len(), 2, "{:#?}", told_in(entry));
}

#[test]
fn no_rule_of_the_grammar_is_ever_named() {
    let rules: Vec<&str> = include_str!("../../../../grammar/mascot.pest")
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .filter(|name| name.contains('_') && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect();
    assert!(rules.len() > 30);
    let good = include_str!("good.masc");
    // Cut anywhere, and with anything put anywhere.
    for at in (0..good.len()).step_by(29) {
        for text in [
            good[..at].to_owned(),
            format!("{} @ {}", &good[..at], &good[at..]),
            format!("{}{}", &good[..at], &good[at + 1..]),
        ] {
            for told in read(&text).1 {
                for rule in &rules {
                    assert!(!told.contains(rule), "{rule}: {told}");
                }
            }
        }
    }
}

#[test]
fn a_set_is_read_with_the_expressions_of_the_language() {
    let (path, value) = parse_set(FileId(7), "crew.*.voice", "none").expect("a good one");
    assert_eq!(path.len(), 3);
    assert!(matches!(value.kind, ExprKind::None));
    assert_eq!((value.span.file, value.span.start), (FileId(7), 13));
    assert_eq!(shape(&parse_set(FileId(0), "steps", "400 steps").expect("a good one").1), "400steps");
    for (path, value) in
        [("a", ""), ("", "1"), ("a b", "1"), ("a", "1 2"), ("a", "[1"), ("a", "\"x"), ("a", "2k"), ("a=b", "1")]
    {
        assert!(parse_set(FileId(0), path, value).is_err(), "{path}={value}");
    }
}

#[test]
fn operators_of_the_tree_are_the_ones_written() {
    for (sign, op) in [("<=", BinaryOp::LessEqual), ("!=", BinaryOp::NotEqual), ("in", BinaryOp::In)] {
        let expr = value(&format!("a {sign} b"));
        assert!(matches!(expr.kind, ExprKind::Binary { op: found, .. } if found == op));
    }
}
