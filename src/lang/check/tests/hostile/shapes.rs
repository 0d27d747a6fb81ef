//! Programs that a stranger might send to do harm: too deep, too long, or small texts that stand for much. Made here, as they are
//! large; the tests hold that each is refused or read without harm, the benchmark (`benches/speed.rs`) how long that takes.

/// Files by path; the main one is `main.masc`.
pub type Shape = (String, Vec<(String, String)>);

/// Every shape with its name.
/// `size`: bytes of those whose size is all that there is to them; up to 10⁶, as a file has no more.
pub fn all(size: usize) -> Vec<Shape> {
    let mut shapes = Vec::new();
    texts(&mut shapes, size);
    unclosed(&mut shapes);
    nested(&mut shapes, size / 5);
    names(&mut shapes);
    doubled(&mut shapes);
    imports(&mut shapes);
    shapes
}

fn one(name: impl Into<String>, text: impl AsRef<str>) -> Shape {
    (name.into(), vec![("main.masc".to_owned(), format!("masc 1\n{}", text.as_ref()))])
}

/// Bytes rather than programs.
fn texts(to: &mut Vec<Shape>, size: usize) {
    for bracket in ["[", "(", "{", "f(", "a = {", "]", "}", "[\n", "{\n", "a(]", "[(", "{[("] {
        let text = bracket.repeat(size / bracket.len());
        to.push(one(format!("10⁶ brackets {bracket:?}"), format!("let x = {text}")));
    }
    for part in [
        "x", "x.", "9", "#", "\"", "\\\"", "-", "not ", "1 + ", "a, ", "é", "\t", "..", "'", "“", "//", "a=", "{{",
        "\"\"\"",
    ] {
        to.push(one(format!("a line of {part:?}"), format!("let x = {}", part.repeat(size / part.len()))));
        to.push(one(format!("a list of {part:?}"), format!("let x = [{}]", part.repeat(size / part.len()))));
        to.push(one(format!("a string of {part:?}"), format!("let x = \"{}\"", part.repeat(size / part.len()))));
    }
    to.push(one("a long good string", format!("let x = \"{}\"", "{{char}} ".repeat(size / 10))));
    to.push(one("a long wrong string", format!("let x = \"{}\"", "{{chat}} ".repeat(size / 10))));
    to.push(one("a long prose", format!("let x = \"\"\"md\n{}  \"\"\"", "  {{char}} says \\ { }\n".repeat(size / 25))));
    to.push(one("a long unclosed prose", format!("let x = \"\"\"md\n{}", "  {{char}} says\n".repeat(size / 20))));
    to.push(one(
        "fences of all lengths",
        (3..1_400).map(|length| format!("  a = {}\n", "\"".repeat(length))).collect::<String>(),
    ));
    to.push(one("blank lines", "\n".repeat(size)));
    to.push(one("comments", "# x\n".repeat(size / 4)));
    to.push(one("doc comments", "## x\n".repeat(size / 5)));
    to.push(one("a file of items", "let x = 1\n".repeat(10_001)));
    to.push(one("1 MiB and a byte", "#".repeat((1 << 20) - 6)));
    to.push(one("NUL", "let a\0 = 1\n"));
}

/// What an ordered-choice parser reads again and again: openers that never close, one in the other, below the scan's limit of 64.
fn unclosed(to: &mut Vec<Shape>) {
    let openers = [
        "f(",
        "[",
        "{ a = ",
        "(",
        "f(a: ",
        "[1, ",
        "f(1, ",
        "{ a = 1, b = ",
        "not (",
        "-(",
        "1 + (",
        "a == (",
        "a in [",
        "f(g(",
        "(1 .. ",
        "1 and (",
    ];
    for opener in openers {
        for depth in [32, 60] {
            let brackets = opener.matches(['(', '[', '{']).count();
            let text = opener.repeat(depth / brackets);
            to.push(one(format!("unclosed {opener:?} × {}", depth / brackets), format!("let x = {text}")));
            // Closed, and wrong at the very end, so that every choice is tried.
            let closers: String = text.chars().rev().filter_map(closer).collect();
            to.push(one(format!("nested {opener:?} × {}", depth / brackets), format!("let x = {text}1{closers}")));
            to.push(one(
                format!("nested {opener:?} × {}, faulty", depth / brackets),
                format!("let x = {text}1 1{closers}"),
            ));
            to.push(one(
                format!("nested {opener:?} × {}, faulty in a field", depth / brackets),
                format!("persona p {{\n  role = {text}? {closers}\n}}"),
            ));
            to.push(one(
                format!("nested {opener:?} × {}, faulty in a gate", depth / brackets),
                format!("stage s = sft {{\n  gate {text}1{closers} else\n}}"),
            ));
        }
    }
    // Comparisons in a row (pest's issue 674 and those that it led to are of this form).
    for sign in [" < ", " == ", " in ", " and ", " .. ", " - - ", " not in "] {
        to.push(one(format!("a chain of {sign:?}"), format!("let x = a{}", format!("{sign}a").repeat(60))));
        to.push(one(format!("a long chain of {sign:?}"), format!("let x = a{}", format!("{sign}a").repeat(50_000))));
    }
}

fn closer(opener: char) -> Option<char> {
    match opener {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        _ => None,
    }
}

/// Deep without brackets, and deep in every place where an expression may stand.
fn nested(to: &mut Vec<Shape>, size: usize) {
    for prefix in ["-", "not ", "- not ", "not not ", "-\n", "not\n"] {
        to.push(one(format!("prefixes {prefix:?}"), format!("let x = {}1", prefix.repeat(size / prefix.len()))));
        to.push(one(
            format!("prefixes {prefix:?} in brackets"),
            format!("let x = ({}1)", prefix.repeat(size / prefix.len())),
        ));
    }
    to.push(one("accesses", format!("let x = f(){}", ".a".repeat(size))));
    to.push(one("a path", format!("let x = a{}", ".a".repeat(size))));
    let deep = format!("{}1{}", "(".repeat(70), ")".repeat(70));
    let places = [
        ("let", format!("let x = {deep}")),
        ("param", format!("param x: int = {deep} in {deep}")),
        ("field", format!("model m {{\n  weights = {deep}\n}}")),
        ("argument", format!("model m {{\n  weights = hf({deep})\n}}")),
        ("gate", format!("stage s = sft {{\n  gate {deep} else \"x\"\n}}")),
        ("skip", format!("sweep s {{\n  skip {deep} else \"x\"\n}}")),
        ("crew", format!("stage s = sft for p in {deep} {{\n}}")),
        ("block", format!("persona p {{\n  example {{\n    given = {deep}\n  }}\n}}")),
        ("blocks", format!("persona p {{\n{}\n", "example {\n".repeat(10_000))),
    ];
    to.extend(places.into_iter().map(|(name, text)| one(format!("too deep in a {name}"), text)));
}

/// Many names, none of which there is: each wants the nearest of the others.
fn names(to: &mut Vec<Shape>) {
    let lets = |count: usize| (0..count).map(|at| format!("let name_{at:05} = 1\n")).collect::<String>();
    let unknown = (0..5_000).map(|at| format!("let name_{at:05} = nome_{at:05}\n")).collect::<String>();
    to.push(one("unknown names", format!("{unknown}{}", lets(9_990).split_off(5_000 * 17))));
    let list = (0..20_000).map(|at| format!("nome_{at:05},")).collect::<String>();
    to.push(one("a list of unknown names", format!("{}let x = [{list}]", lets(5_000))));
    to.push(one("one long unknown name", format!("{}let x = {}", lets(5_000), "n".repeat(500_000))));
    to.push(one("two long names", format!("let {} = 1\nlet x = {}", "m".repeat(400_000), "n".repeat(400_000))));
    to.push(one(
        "unknown fields",
        format!("persona p {{\n{}}}", (0..50_000).map(|at| format!("rule{at} = 1\n")).collect::<String>()),
    ));
    to.push(one("unknown words", format!("stage s = sft {{\n{}}}", "dtype = f33\n".repeat(50_000))));
    to.push(one("one name many times", "let x = x\n".repeat(9_999)));
    to.push(one("a field many times", format!("persona p {{\n{}}}", "role = \"x\"\n".repeat(80_000))));
    to.push(one(
        "a record of many fields",
        format!("let x = {{{}}}", (0..70_000).map(|at| format!("a{at} = {at}\n")).collect::<String>()),
    ));
    to.push(one(
        "misspelt items",
        (0..9_999).map(|at| format!("persoan p{at} {{\n  role = \"x\"\n}}\n")).collect::<String>(),
    ));
    let circle: String = (0..9_998).map(|at| format!("let c{at} = c{}\n", (at + 1) % 9_998)).collect();
    to.push(one("a circle of all items", circle));
}

/// Little text that stands for much.
fn doubled(to: &mut Vec<Shape>) {
    let chain = |first: &str, next: &dyn Fn(usize) -> String, count: usize| {
        let mut text = format!("{first}\n");
        (1..=count).for_each(|at| text.push_str(&format!("{}\n", next(at))));
        text
    };
    let lists = |count| chain("let x0 = [1, 1]", &|at| format!("let x{at} = [x{0}, x{0}]", at - 1), count);
    to.push(one("lists of lists", lists(60)));
    to.push(one("a list that grows", chain("let x0 = [1]", &|at| format!("let x{at} = [x{}]", at - 1), 9_000)));
    to.push(one(
        "records of records",
        chain("let x0 = { a = 1 }", &|at| format!("let x{at} = {{ a = x{0}, b = x{0} }}", at - 1), 60),
    ));
    to.push(one("sums of sums", chain("let x0 = fluency()", &|at| format!("let x{at} = x{0} + x{0}", at - 1), 60)));
    to.push(one("a sum that grows", chain("let x0 = fluency()", &|at| format!("let x{at} = x{} + 1", at - 1), 9_000)));
    to.push(one("a sign that grows", chain("let x0 = fluency()", &|at| format!("let x{at} = -x{}", at - 1), 9_000)));
    let reward = |at: usize| format!("reward r{at} {{\n  score = r{0} + r{0}\n}}", at - 1);
    to.push(one(
        "rewards of rewards",
        format!("{}{}", chain("reward r0 {\n  score = fluency()\n}", &reward, 60), stage_of("r60")),
    ));
    let reward = |at: usize| format!("reward r{at} {{\n  score = -r{}\n}}", at - 1);
    to.push(one(
        "a reward that grows",
        format!("{}{}", chain("reward r0 {\n  score = fluency()\n}", &reward, 9_000), stage_of("r9000")),
    ));
    let persona = |at: usize| format!("persona p{at} extends p{} {{\n  never += [\"x{at}\"]\n}}", at - 1);
    to.push(one(
        "extends of extends",
        chain("persona p0 \"P\" {\n  role = \"x\"\n  voice = \"y\"\n  never = []\n}", &persona, 9_900),
    ));
    let wide = format!(
        "persona p0 \"P\" {{\n  role = \"x\"\n  voice = \"y\"\n  never = []\n{}}}\n{}",
        "  never += [\"x\"]\n".repeat(25_000),
        (1..9_900).map(|at| format!("persona p{at} \"P\" extends p0 {{\n}}\n")).collect::<String>()
    );
    to.push(one("a base that is long", wide));
    let big = format!("let big = [{}]\n", "1,".repeat(100_000));
    to.push(one(
        "a long list, often",
        format!("{big}{}", (0..9_000).map(|at| format!("let x{at} = big\n")).collect::<String>()),
    ));
    to.push(one("a long list, often in one", format!("{big}let x = [{}]", "big,".repeat(100_000))));
    let crew: String =
        (0..4_000).map(|at| format!("persona p{at} \"P{at}\" {{\n  role = \"x\"\n  voice = \"y\"\n}}\n")).collect();
    let names: String = (0..4_000).map(|at| format!("p{at},")).collect();
    let stages: String = (0..5_000)
        .map(|at| format!("stage s{at} = sft for persona in crew {{\n  policy = m\n  data = d\n}}\n"))
        .collect();
    to.push(one(
        "families of many",
        format!("{crew}let crew = [{names}]\nmodel m {{\n  weights = random(arch: \"llama\")\n}}\ndataset d {{\n  source = jsonl(\"d\")\n}}\n{stages}"),
    ));
    let axes: String = (0..30).map(|at| format!("    x{at} = [{}]\n", "1,2,3,4,5,6,7,8,9,10,".repeat(10))).collect();
    let params: String = (0..30).map(|at| format!("param x{at}: int = 1\n")).collect();
    to.push(one("a sweep of 10⁶⁰ points", format!("{params}sweep s {{\n  grid {{\n{axes}  }}\n}}\n")));
    let folded: String = (0..9_900)
        .map(|at| format!("let y{at} = {}\n", if at == 0 { "x".to_owned() } else { format!("y{}", at - 1) }))
        .collect();
    to.push(one("a chain of lets", format!("let x = 1\n{folded}")));
}

fn stage_of(reward: &str) -> String {
    format!(
        "model m {{\n  weights = random(arch: \"llama\")\n}}\ndataset d {{\n  source = jsonl(\"d\")\n}}\nstage s = grpo {{\n  policy = m\n  data = d\n  reward = \
         {reward}\n}}\n"
    )
}

/// Files that lead to files.
fn imports(to: &mut Vec<Shape>) {
    let file = |name: String, text: String| (name, format!("masc 1\n{text}"));
    let circle = (0..200).map(|at| {
        let name = if at == 0 { "main.masc".to_owned() } else { format!("f{at}.masc") };
        let next = if at == 199 { "main.masc".to_owned() } else { format!("f{}.masc", at + 1) };
        file(name, format!("use \"./{next}\" as next\nlet a = 1\n"))
    });
    to.push(("a circle of imports".to_owned(), circle.collect()));
    let mut many =
        vec![file("main.masc".to_owned(), (0..257).map(|at| format!("use \"./f{at}.masc\" as f{at}\n")).collect())];
    many.extend((0..257).map(|at| file(format!("f{at}.masc"), "let a = 1\n".to_owned())));
    to.push(("257 imports".to_owned(), many));
    let all: String = (0..256).map(|at| format!("use \"./f{at}.masc\" as f{at}\n")).collect();
    let mesh = (0..256).map(|at| {
        let name = if at == 0 { "main.masc".to_owned() } else { format!("f{at}.masc") };
        file(name, all.clone())
    });
    to.push(("every file imports every file".to_owned(), mesh.collect()));
    let itself = "use \"./main.masc\" as me\n".repeat(9_999);
    to.push(one("a file that imports itself often", itself));
    to.push(one("a path of dots", format!("use \"{}x.masc\" as x\n", "../".repeat(300_000))));
    to.push(one("an import that is a long name", format!("use \"{}\" as x\n", "x".repeat(900_000))));
}

/// What must be told; the rest may be a program.
#[allow(dead_code, reason = "for the tests; the benchmark times all")]
pub fn is_refused(name: &str) -> bool {
    const REFUSED: [&str; 30] = [
        "10⁶ brackets",
        "a long wrong string",
        "a long unclosed prose",
        "a file of items",
        "1 MiB and a byte",
        "NUL",
        "unclosed",
        "a long chain of",
        "prefixes",
        "accesses",
        "too deep",
        "unknown",
        "a list of unknown names",
        "one long unknown name",
        "two long names",
        "one name many times",
        "a field many times",
        "misspelt items",
        "a circle",
        "lists of lists",
        "a list that grows",
        "records of records",
        "sums of sums",
        "a sum that grows",
        "rewards of rewards",
        "a reward that grows",
        "extends of extends",
        "a long list, often",
        "families of many",
        "257 imports",
    ];
    REFUSED.iter().any(|one| name.starts_with(one))
}
