//! `mascot score`: a line of JSON in, its log-probabilities out.

use mascot_engine::score::Scored;

use super::args::Score;
use super::at_hand;
use super::exit::Exit;
use super::render;

pub fn score(args: &Score) -> Exit {
    let at_hand = match at_hand::load(&args.at_hand) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let mut tell = |scored: &Scored| render::json_of(scored);
    match mascot_engine::score::score(&at_hand.lm, at_hand.lora.as_ref(), at_hand.input, &mut tell) {
        Ok(()) => Exit::Done,
        Err(why) => {
            render::complain(&format!("{}: {why}", args.at_hand.input.display()), None);
            Exit::Failed
        }
    }
}
