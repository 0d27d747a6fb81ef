/**
 * @file `.masc`, edition 1, for tree-sitter: for colours, folds and selections where no language server runs.
 *
 * The language itself is defined by `grammar/mascot.pest`; a test of the repository (`tests/editors.rs`) holds the words of this file
 * against it. Like that grammar it is shallow: it knows items, entries and expressions, and not that a persona has a voice.
 */

/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

const ITEMS = [
  "experiment", "model", "dataset", "persona", "rubric", "judge", "reward", "director", "variant", "sweep", "budget",
  "report", "profile",
];
const BLOCKS = ["example", "criterion", "test", "grid", "zip", "executor"];

const PREC = { or: 1, and: 2, not: 3, compare: 4, range: 5, add: 6, multiply: 7, sign: 8 };

/** One or more, parted by commas, with one at the end if need be. */
const commas = (rule) => seq(rule, repeat(seq(",", rule)), optional(","));

module.exports = grammar({
  name: "masc",

  // `_newline`: the end of an entry, where one may end. `)` and `]` are here so that the scanner knows when it is inside them, where new
  // lines mean nothing.
  externals: ($) => [$._newline, $.prose_start, $.prose_content, $.prose_end, ")", "]"],

  extras: ($) => [/\s/, /\uFEFF/, $.comment, $.doc_comment],

  word: ($) => $.identifier,

  rules: {
    source_file: ($) =>
      seq(
        repeat($._newline),
        optional(seq($.edition, repeat1($._newline))),
        optional(seq($._item, repeat(seq(repeat1($._newline), $._item)), repeat($._newline))),
      ),

    edition: ($) => seq("masc", $.number),

    _item: ($) => choice($.use, $.param, $.let, $.secret, $.stage, $.item),

    use: ($) => seq("use", field("path", $.string), choice(seq("as", field("alias", $.identifier)), $.imports)),
    imports: ($) => seq("{", optional($._imports), "}"),
    _imports: ($) => seq(repeat($._newline), $.import, repeat(seq($._separator, $.import)), optional($._separator)),
    import: ($) => seq(field("name", $.identifier), optional(seq("as", field("alias", $.identifier)))),

    param: ($) =>
      seq(
        "param",
        field("name", $.identifier),
        ":",
        field("type", $.identifier),
        "=",
        field("value", $._expression),
        optional(field("about", choice($.string, $.prose))),
      ),
    let: ($) => seq("let", field("name", $.identifier), "=", field("value", $._expression)),
    secret: ($) => seq("secret", field("name", $.identifier), "from", "env", field("variable", $.string)),

    stage: ($) =>
      seq(
        "stage",
        field("name", $.identifier),
        "=",
        field("kind", $.identifier),
        optional(seq("for", field("variable", $.identifier), "in", field("list", $._expression))),
        optional($.extends),
        field("body", $.body),
      ),

    item: ($) =>
      seq(
        field("keyword", alias(choice(...ITEMS), $.keyword)),
        field("name", $.identifier),
        optional(field("title", choice($.string, $.prose))),
        optional($.extends),
        field("body", $.body),
      ),

    extends: ($) =>
      seq("extends", optional(seq(field("module", $.identifier), token.immediate("."))), field("base", $.identifier)),

    body: ($) => seq("{", repeat($._newline), optional($._entries), "}"),
    _entries: ($) => seq($._entry, repeat(seq($._separator, $._entry)), optional($._separator)),
    _separator: ($) => choice(seq(repeat1($._newline), optional(seq(choice(",", ";"), repeat($._newline)))), seq(choice(",", ";"), repeat($._newline))),
    _entry: ($) => choice($.assignment, $.block, $.gate, $.skip),

    assignment: ($) => seq(field("path", $.path), field("sign", choice("=", "+=", "-=")), field("value", $._expression)),

    block: ($) =>
      prec.right(
        seq(
          field("keyword", alias(choice(...BLOCKS), $.keyword)),
          optional(field("name", $.identifier)),
          optional(field("title", choice($.string, $.prose))),
          optional(field("weight", $.quantity)),
          optional(field("body", $.body)),
        ),
      ),

    gate: ($) => seq("gate", field("condition", $._expression), "else", field("otherwise", choice($.string, $.prose))),
    skip: ($) => seq("skip", field("condition", $._expression), "else", field("otherwise", choice($.string, $.prose))),

    _expression: ($) =>
      choice($.binary, $.unary, $.access, $.quantity, $.string, $.prose, $.list, $.record, $.group, $.call, $.constant, $.path),

    binary: ($) => {
      const levels = [
        [PREC.or, "or"],
        [PREC.and, "and"],
        [PREC.compare, choice("==", "!=", "<=", ">=", "<", ">", "in")],
        [PREC.range, ".."],
        [PREC.add, choice("+", "-")],
        [PREC.multiply, choice("*", "/")],
      ];
      return choice(
        ...levels.map(([level, sign]) =>
          prec.left(level, seq(field("left", $._expression), field("operator", sign), field("right", $._expression))),
        ),
      );
    },
    unary: ($) =>
      choice(
        prec(PREC.not, seq(field("operator", "not"), field("of", $._expression))),
        prec(PREC.sign, seq(field("operator", "-"), field("of", $._expression))),
      ),
    // The `.low` of `delta(a, b).low`
    access: ($) => seq(field("of", choice($.call, $.access, $.group)), token.immediate("."), field("name", $.identifier)),

    list: ($) => seq("[", optional(commas($._expression)), "]"),
    group: ($) => seq("(", $._expression, ")"),
    record: ($) => seq("{", repeat($._newline), optional($._fields), "}"),
    _fields: ($) => seq($.assignment, repeat(seq($._separator, $.assignment)), optional($._separator)),

    call: ($) => seq(field("name", $.identifier), "(", optional(commas($.argument)), ")"),
    argument: ($) => seq(optional(seq(field("name", $.identifier), ":")), field("value", $._expression)),

    constant: (_) => choice("none", "true", "false"),

    path: ($) => seq($.identifier, repeat(seq(token.immediate("."), choice($.identifier, $.star)))),
    star: (_) => token.immediate("*"),

    quantity: ($) => prec.right(seq($.number, optional($.unit))),
    unit: ($) => choice("%", $.identifier),
    number: (_) => /\.?[0-9]([eE][+-][0-9]|[0-9A-Za-z_]|\.[0-9])*/,

    string: ($) => seq('"', repeat(choice($.slot, $.escape, $._text)), token.immediate('"')),
    escape: (_) => token.immediate(/\\[^\n]/),
    slot: (_) => token.immediate(prec(1, /\{\{(char|user)\}\}/)),
    _text: (_) => token.immediate(/[^"\\\n{]+|\{/),

    prose: ($) => seq($.prose_start, optional($.prose_content), $.prose_end),

    identifier: (_) => /[A-Za-z][A-Za-z0-9_]*/,

    doc_comment: (_) => token(prec(1, /##[^\n]*/)),
    comment: (_) => token(/#[^\n]*/),
  },
});
