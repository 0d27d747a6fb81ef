//! A model named on the command line, for `score` and `generate`: weights, adapter, input, device.

use std::fs::File;
use std::io::BufReader;

use mascot_engine::model::Lm;
use mascot_engine::nn::Lora;
use mascot_run::task::Dtype;

use super::args::ModelAtHand;
use super::exit::Exit;
use super::render;
use super::world::in_words;

/// Loaded, with its input open.
pub struct Loaded {
    pub lm: Lm,
    pub lora: Option<Lora>,
    pub input: BufReader<File>,
}

/// Loads what the arguments name.
///
/// # Errors
/// [`Exit::CallWrong`] for a file that cannot be read, [`Exit::Failed`] for a model that cannot be run; it has been said.
pub fn load(args: &ModelAtHand) -> Result<Loaded, Exit> {
    let input = File::open(&args.input).map_err(|why| {
        render::complain(&format!("{}: {}", args.input.display(), in_words(&why)), None);
        Exit::CallWrong
    })?;
    let missing = [Some(&args.model), args.adapter.as_ref()].into_iter().flatten().find(|path| !path.exists());
    if let Some(path) = missing {
        render::complain(&format!("{}: no such file", path.display()), None);
        return Err(Exit::CallWrong);
    }
    let dtype = match args.dtype.as_str() {
        "bf16" => Dtype::Bf16,
        "q8" => Dtype::Q8,
        _ => Dtype::F32,
    };
    let device = super::engines::device(args.device, args.threads)?;
    let failed = |why: mascot_engine::error::Error| {
        render::complain(&why.to_string(), None);
        Exit::Failed
    };
    let lm = Lm::load(&args.model, dtype, &device).map_err(failed)?;
    let lora = args.adapter.as_ref().map(|folder| Lora::read_peft(folder, &lm)).transpose().map_err(failed)?;
    Ok(Loaded { lm, lora, input: BufReader::new(input) })
}
