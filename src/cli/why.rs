//! `mascot why`: the fields in which a task's key differs from its last, both values, the line.

use mascot_run::plan::State;

use super::args::Why;
use super::exit::Exit;
use super::load;
use super::prepare::prepare;
use super::render::{self, Paint, plan};

pub fn why(args: &Why) -> Exit {
    let selection = load::point_of(&args.task, &args.selection);
    let prepared = match prepare(&args.file, &selection, &args.places, &args.compute, None, &[]) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let found = &prepared.plan;
    let Some(at) = found.find(&args.task) else {
        let ids: Vec<&str> = found.tasks.iter().map(|task| task.id.as_str()).collect();
        render::complain(&format!("there is no task `{}`", args.task), Some(&render::one_of(&args.task, &ids)));
        return Exit::CallWrong;
    };
    let task = &found.tasks[at];
    let answer = mascot_run::plan::why(found, &prepared.store, at);
    let behind = &answer.because;
    if args.output.json {
        render::json(&answer.document());
        return Exit::Done;
    }
    let paint = Paint::of_stdout();
    let mut text = format!("{}  {}\n", paint.bold(&task.id), plan::word(task.state));
    if task.state == State::Recalled {
        text.push_str("  nothing differs since it was made\n");
        if !answer.differs.is_empty() {
            text.push_str("  when it was made, this differed from the time before:\n");
        }
    }
    answer.differs.iter().for_each(|changed| text.push_str(&plan::change(changed, paint)));
    if !behind.is_empty() {
        text.push_str(&format!("  waits for {}\n", behind.join(", ")));
    }
    match (&answer.previous, answer.differs.is_empty() && behind.is_empty()) {
        _ if task.state == State::Recalled => {}
        (None, _) => text.push_str("  it was never run in this store\n"),
        (Some(_), true) => text.push_str("  nothing differs from the last time\n"),
        (Some(_), false) => {}
    }
    render::out(&text);
    Exit::Done
}
