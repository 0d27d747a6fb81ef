//! `mascot export`: a persona as a character card. What an import kept beside it comes back as it was.

use std::path::PathBuf;

use mascot_lang::program::EntityKind;
use mascot_run::card::{Persona, Version, embedded, export as exported, in_writing};
use mascot_run::whole::{self, Care};

use super::args::{CardVersion, Export};
use super::exit::Exit;
use super::import::{read, sidecar_of};
use super::load;
use super::output;
use super::render;
use super::run::near;
use super::world::in_words;

pub fn export(args: &Export) -> Exit {
    match written(args) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn written(args: &Export) -> Result<(), Exit> {
    let complain = |message: &str, help: Option<&str>, exit: Exit| {
        render::complain(message, help);
        exit
    };
    let loaded = load::load(&args.file, &Default::default(), args.root.as_deref())?;
    let program = &loaded.programs[0];
    let all: Vec<_> = program.of_kind(EntityKind::Persona).collect();
    let names = || all.iter().map(|persona| persona.name.as_str()).collect::<Vec<_>>().join(", ");
    let persona = match (&args.persona, all.as_slice()) {
        (Some(name), all) => all.iter().find(|persona| persona.name == *name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let Some(entity) = persona else {
        let what = args.persona.as_ref().map_or("the file has several personas, or none".to_owned(), |name| {
            format!("there is no persona `{name}`")
        });
        return Err(complain(&what, Some(&format!("--persona takes one of: {}", names())), Exit::CallWrong));
    };
    let persona = Persona::of(program, &entity.name).expect("it was just found");
    // The sidecar lies beside the file that declares the persona, which may be an import.
    let declared_in = PathBuf::from(&loaded.checked.files.file(entity.span.file).path);
    let beside = args.sidecar.clone().unwrap_or_else(|| sidecar_of(&declared_in, &entity.name));
    if let Some(out) = &args.out {
        output::refuse(out, &loaded, &[])?;
        if out.canonicalize().is_ok_and(|out| beside.canonicalize().is_ok_and(|beside| beside == out)) {
            let what = format!("{}: nothing is written over it: it is what an import kept", out.display());
            return Err(complain(&what, Some("name another file"), Exit::CallWrong));
        }
    }
    let sidecar = match beside.is_file() {
        true => {
            let text = String::from_utf8(read(&beside)?);
            Some(text.map_err(|_| complain(&format!("{}: is not UTF-8", beside.display()), None, Exit::CallWrong))?)
        }
        false if args.sidecar.is_some() => {
            return Err(complain(&format!("{}: no such file", beside.display()), None, Exit::CallWrong));
        }
        false => {
            // An import says in the file where it kept the card.
            let kept = format!("{}.card.json", entity.name);
            if loaded.checked.files.file(entity.span.file).text.contains(&kept) {
                render::say(&format!(
                    "{}: it is not there, so what an import kept in it is lost to this card: greetings, lorebook, extensions and all \
                     that the language cannot say; --sidecar names it elsewhere",
                    beside.display()
                ));
            }
            None
        }
    };
    let version = match args.card {
        CardVersion::V2 => Version::V2,
        CardVersion::V3 => Version::V3,
    };
    let (card, notes) = exported(&persona, sidecar.as_deref(), version).map_err(|why| {
        complain(
            &format!("{}: {why}", beside.display()),
            Some("take it away to write a card without it"),
            Exit::CallWrong,
        )
    })?;
    notes.iter().for_each(|note| render::say(&format!("  {note}")));
    let text = in_writing(&card);
    let bytes = match &args.image {
        Some(image) => embedded(&read(image)?, version.keyword(), text.trim_end())
            .map_err(|why| complain(&format!("{}: {why}", image.display()), None, Exit::CallWrong))?,
        None => text.clone().into_bytes(),
    };
    match &args.out {
        Some(out) => {
            whole::write(out, &bytes, Care::Synced)
                .map_err(|why| complain(&format!("{}: {}", out.display(), in_words(&why)), None, Exit::Failed))?;
            render::say(&format!("{}: {} of {}", near(out), card["spec"].as_str().unwrap_or_default(), entity.name));
        }
        None if args.image.is_some() => {
            return Err(complain(
                "a picture is no text for a terminal",
                Some("name a file with --out"),
                Exit::CallWrong,
            ));
        }
        None => render::json_text(&text),
    }
    Ok(())
}
