// Character cards beside the reference parser of the specification, npm's `character-card-utils` (2.0.3).
//
//   npm install --no-save character-card-utils@2.0.3 && node tests/cards_reference.mjs PATH/TO/mascot
//
// Cards are imported, exported as V2 and read by the reference: the reference must take every export, and read in it what it reads in the
// original. Says "skipped" where the package is not installed.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";

let cards;
try {
  cards = await import("character-card-utils");
} catch {
  console.log("skipped: character-card-utils is not installed");
  process.exit(0);
}
const { parseToV2 } = cards.default ?? cards;
const mascot = resolve(process.argv[2] ?? "target/debug/mascot");

const v1 = { name: "Ann", description: "Kind.", personality: "dry", scenario: "A shop.", first_mes: "Hm?", mes_example: "<START>\n{{user}}: Hi\n{{char}}: Hm." };
const entry = (content) => ({
  keys: ["a", "b"], secondary_keys: [], content, extensions: { front: { end: [1, null] } }, enabled: true, insertion_order: 3,
  case_sensitive: false, name: "", priority: 10, id: 7, comment: "c", selective: false, constant: true, position: "before_char",
});
const v2 = (data) => ({
  spec: "chara_card_v2", spec_version: "2.0",
  data: {
    ...v1, creator_notes: "", system_prompt: "", post_history_instructions: "", alternate_greetings: [], tags: [], creator: "",
    character_version: "", extensions: {}, ...data,
  },
});
const originals = [
  v1,
  v2({}),
  v2({ name: "Zoë \"Z\" 猫", description: "{{original}} {{random:a,b}} <BOT> \"\"\" \\ {{time}}", alternate_greetings: ["a", "b"], tags: ["x"] }),
  v2({ character_book: { name: "n", description: "d", scan_depth: 4, token_budget: 100, recursive_scanning: true, extensions: { x: 1.5 }, entries: [entry("one"), entry("{{user}}")] } }),
  v2({ extensions: { "some/thing": { deep: { er: [true, false, "…"] } }, list: [] }, mes_example: "no start here", system_prompt: "{{original}}" }),
];

// What is undefined is not there.
const read = (card) => JSON.parse(JSON.stringify(parseToV2(card)));

let failed = 0;
for (const [at, original] of originals.entries()) {
  const folder = mkdtempSync(join(tmpdir(), "cards-"));
  try {
    writeFileSync(join(folder, "card.json"), JSON.stringify(original));
    const call = (...args) => execFileSync(mascot, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    const { persona, file } = JSON.parse(call("import", "card.json", "--json"));
    const exported = JSON.parse(call("export", file, "--persona", persona, "--card", "v2"));
    const same = isDeepStrictEqual(read(exported), read(original)) && (original === v1 || isDeepStrictEqual(exported, original));
    console.log(`${same ? "same" : "DIFFERS"}: card ${at}, ${persona}`);
    failed += same ? 0 : 1;
    readFileSync(join(folder, file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
process.exit(failed ? 1 : 0);
