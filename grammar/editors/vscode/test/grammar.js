// The TextMate grammar as VS Code runs it, over files of this repository: `npm test` in this folder.
// Each expectation is a word on a line of its file and the scope that it must have there.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { Registry, INITIAL, parseRawGrammar } = require("vscode-textmate");
const oniguruma = require("vscode-oniguruma");

const repository = path.join(__dirname, "../../../..");
const wasm = fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer;
const library = oniguruma.loadWASM(wasm).then(() => ({
  createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
  createOnigString: (text) => new oniguruma.OnigString(text),
}));
const file = path.join(__dirname, "../syntaxes/masc.tmLanguage.json");
const registry = new Registry({
  onigLib: library,
  loadGrammar: async (scope) => (scope === "source.masc" ? parseRawGrammar(fs.readFileSync(file, "utf8"), file) : null),
});

/** Every word of a text with its scopes: `[{ line, text, scopes }]`. */
function words(grammar, text) {
  let state = INITIAL;
  const all = [];
  text.split("\n").forEach((line, number) => {
    const told = grammar.tokenizeLine(line, state);
    for (const token of told.tokens) {
      all.push({ line: number + 1, text: line.slice(token.startIndex, token.endIndex).trim(), scopes: token.scopes });
    }
    state = told.ruleStack;
  });
  return { all, state };
}

const SMALL = `masc 1
use "std/personas.masc" { anchor as steady }
param rate: float = 1e-4 in 1e-6..1e-2 "how fast"
let crew = [anchor, steady]
secret key from env "KEY"

## What it is about.
stage voices = grpo for persona in crew {
  policy = base   # the model
  kl = { estimator = k3, beta = 0.02 }
  kl.place = loss
  steps = 400 steps
  warmup = 40%
  adapter = lora(rank: 16, targets: [q, gate])
  gate delta(a, b, metric: leak()).low >= 0 and not done else "why"
}
persona one "The \\"One\\" {{char}}" {
  voice = """"md
    persona fake {
    """ is text, and so is 400 steps for {{user}}
    """"
  never += ["advise"]
  example { given = "a"; says = "b" }
  test = 1
}
rubric r { criterion c "C" 100% { low = "x" } }
variant v { crew.*.voice = none }
`;

const EXPECTED = [
  [1, "masc", "keyword.control.edition"],
  [2, "use", "keyword.control.import"],
  [2, "as", "keyword.control"],
  [3, "param", "keyword.declaration"],
  [3, "rate", "variable.other.constant"],
  [3, "float", "entity.name.type"],
  [3, "1e-4", "constant.numeric"],
  [3, "in", "keyword.operator.word"],
  [3, "..", "keyword.operator.range"],
  [3, "1e-2", "constant.numeric"],
  [5, "env", "keyword.control"],
  [7, "## What it is about.", "comment.line.documentation"],
  [8, "stage", "keyword.declaration"],
  [8, "voices", "entity.name.function"],
  [8, "grpo", "entity.name.type.stage"],
  [8, "for", "keyword.control"],
  [9, "policy", "variable.other.property"],
  [9, "# the model", "comment.line.number-sign"],
  [10, "estimator", "variable.other.property"],
  [10, "beta", "variable.other.property"],
  [11, "kl.place", "variable.other.property"],
  [12, "400", "constant.numeric"],
  [12, "steps", "keyword.other.unit", 1],
  [13, "%", "keyword.other.unit"],
  [14, "lora", "support.function"],
  [14, "rank", "variable.parameter"],
  [14, "gate", "variable.other"],
  [15, "gate", "keyword.control"],
  [15, "delta", "support.function"],
  [15, ">=", "keyword.operator.comparison"],
  [15, "else", "keyword.control"],
  [17, "persona", "keyword.declaration"],
  [17, "one", "entity.name.class"],
  [17, "\\\"", "constant.character.escape"],
  [17, "{{char}}", "variable.language.slot"],
  [18, "md", "entity.name.tag"],
  [19, "persona fake {", "string.quoted.triple"],
  [20, "{{user}}", "variable.language.slot"],
  [22, "never", "variable.other.property"],
  [22, "+=", "keyword.operator.assignment"],
  [23, "example", "keyword.declaration.block"],
  [23, "says", "variable.other.property"],
  [24, "test", "variable.other.property"],
  [26, "criterion", "keyword.declaration.block"],
  [27, "none", "constant.language"],
];

function masc(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const at = path.join(folder, entry.name);
    return entry.isDirectory() ? masc(at) : entry.name.endsWith(".masc") ? [at] : [];
  });
}

async function main() {
  const grammar = await registry.loadGrammar("source.masc");
  const { all } = words(grammar, SMALL);
  for (const [line, text, scope, which = 0] of EXPECTED) {
    const found = all.filter((word) => word.line === line && word.text === text)[which];
    const there = all.filter((word) => word.line === line).map((word) => `${word.text} ${word.scopes.at(-1)}`);
    assert(found, `line ${line}: no word \`${text}\`: ${there.join(" | ")}`);
    assert(found.scopes.some((one) => one.startsWith(scope)), `line ${line}: \`${text}\` is ${found.scopes}, not ${scope}`);
  }
  // A file that is right ends outside of every text: a fence that is not seen would swallow the rest.
  const files = ["experiments", "examples", "stdlib"].flatMap((folder) => masc(path.join(repository, folder)));
  for (const at of files) {
    const { all, state } = words(grammar, fs.readFileSync(at, "utf8"));
    assert.strictEqual(state.depth, 1, `${at}: a text stays open`);
    const items = all.filter((word) => word.scopes.at(-1) === "keyword.declaration.masc");
    const headers = fs.readFileSync(at, "utf8").match(/^(?:experiment|param|let|secret|model|dataset|persona|rubric|judge|reward|director|stage|variant|sweep|budget|report|profile) /gm) || [];
    assert.strictEqual(items.length, headers.length, `${at}: every item is seen`);
  }
  console.log(`${EXPECTED.length} words, ${files.length} files`);
}

main().catch((why) => {
  console.error(why.message);
  process.exit(1);
});
