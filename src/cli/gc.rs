//! `mascot gc`: removes what no run names. Refuses while a run is going on.

use mascot_run::store::gc;
use serde_json::json;

use super::args::Gc;
use super::exit::Exit;
use super::prepare;
use super::render::{self, plural};

pub fn gc(args: &Gc) -> Exit {
    let store = match prepare::store_at_hand(&args.places) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let found = match gc::collect(&store, args.keep.map(usize::from), args.dry_run) {
        Ok(found) => found,
        Err(why) => {
            render::complain(&why.to_string(), Some(why.advice()));
            return Exit::Failed;
        }
    };
    if args.output.json {
        render::json(&json!({
            "runs": found.runs, "records": found.records, "objects": found.objects, "drafts": found.drafts, "memos": found.memos,
            "bytes": found.bytes, "dry_run": args.dry_run,
        }));
        return Exit::Done;
    }
    let verb = if args.dry_run { "would remove" } else { "removed" };
    let counts = [
        (found.runs, "run"),
        (found.records, "record"),
        (found.objects, "object"),
        (found.drafts, "draft"),
        (found.memos, "kept answer"),
    ];
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| plural(*count, what)).collect();
    if told.is_empty() {
        render::out("nothing to remove: a run names all of it\n");
    } else {
        render::out(&format!("{verb} {}: {}\n", told.join(", "), render::bytes(found.bytes as f64)));
    }
    Exit::Done
}
