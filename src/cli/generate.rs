//! `mascot generate`: a line of JSON in, its continuation out.

use mascot_engine::generate::Sampling;
use mascot_engine::score::Generated;

use super::args::Generate;
use super::at_hand;
use super::exit::Exit;
use super::render;

pub fn generate(args: &Generate) -> Exit {
    if !(0.0..=1.0).contains(&args.top_p) || args.temperature < 0.0 || args.temperature.is_nan() {
        render::complain("--temperature is 0 or more, --top-p between 0 and 1", None);
        return Exit::CallWrong;
    }
    let at_hand = match at_hand::load(&args.at_hand) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let eos = if args.ignore_eos { Vec::new() } else { at_hand.lm.config().eos.clone() };
    let sampling = Sampling {
        temperature: args.temperature,
        top_p: args.top_p,
        max_new: args.max_new as usize,
        stop: Vec::new(),
        eos,
    };
    let mut tell = |made: &Generated| render::json_of(made);
    let lora = at_hand.lora.as_ref();
    match mascot_engine::score::generate(&at_hand.lm, lora, &sampling, args.seed, at_hand.input, &mut tell) {
        Ok(()) => Exit::Done,
        Err(why) => {
            render::complain(&format!("{}: {why}", args.at_hand.input.display()), None);
            Exit::Failed
        }
    }
}
