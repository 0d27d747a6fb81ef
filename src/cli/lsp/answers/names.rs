//! Definition, references and rename, over every file that a name reaches.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lsp_server::ErrorCode;
use lsp_types::{
    DocumentHighlight, DocumentHighlightParams, GotoDefinitionParams, GotoDefinitionResponse, Location,
    PrepareRenameResponse, Range, ReferenceParams, RenameParams, TextDocumentPositionParams, TextEdit, Uri,
    WorkspaceEdit,
};
use mascot_lang::editor::Analysis;
use mascot_lang::editor::names::{self, Symbol};
use mascot_lang::editor::rename;
use mascot_lang::source::{FileId, Span};

use super::super::disk;
use super::super::documents::Documents;
use super::super::server::{Main, Refused, Server};
use super::super::text::Lines;
use super::{Asked, shortened};

pub fn definition(
    server: &mut Server,
    params: GotoDefinitionParams,
) -> Result<Option<GotoDefinitionResponse>, Refused> {
    let at = params.text_document_position_params;
    let asked = Asked::of(server, &at.text_document.uri)?;
    let found = names::definition(&asked.main.analysis, asked.offset(at.position));
    let place = found.and_then(|span| Places::of(&asked.main.analysis).location(&server.documents, span));
    Ok(place.map(GotoDefinitionResponse::Scalar))
}

pub fn references(server: &mut Server, params: ReferenceParams) -> Result<Vec<Location>, Refused> {
    let at = params.text_document_position;
    let asked = Asked::of(server, &at.text_document.uri)?;
    let Some(found) = names::at(&asked.main.analysis, asked.offset(at.position)) else { return Ok(Vec::new()) };
    let declaration = params.context.include_declaration;
    let mut places = BTreeMap::new();
    for main in mains(server, &asked, found.symbol) {
        let analysis = &main.analysis;
        let Some(symbol) = same(&asked.main.analysis, found.symbol, analysis) else { continue };
        let mut located = Places::of(analysis);
        for one in names::references(analysis, symbol) {
            let declares = one.symbol == Symbol::At(one.span);
            if (declaration || !declares)
                && let Some(place) = located.location(&server.documents, one.span)
            {
                places.insert(
                    (place.uri.as_str().to_owned(), place.range.start.line, place.range.start.character),
                    place,
                );
            }
        }
    }
    Ok(places.into_values().collect())
}

pub fn highlight(server: &mut Server, params: DocumentHighlightParams) -> Result<Vec<DocumentHighlight>, Refused> {
    let at = params.text_document_position_params;
    let asked = Asked::of(server, &at.text_document.uri)?;
    let Some(found) = names::at(&asked.main.analysis, asked.offset(at.position)) else { return Ok(Vec::new()) };
    let all = names::references(&asked.main.analysis, found.symbol);
    let here = all.iter().filter(|one| one.span.file == found.span.file);
    Ok(here.map(|one| DocumentHighlight { range: range_of(&asked, one.span), kind: None }).collect())
}

pub fn prepare_rename(
    server: &mut Server,
    params: TextDocumentPositionParams,
) -> Result<Option<PrepareRenameResponse>, Refused> {
    let asked = Asked::of(server, &params.text_document.uri)?;
    let analysis = &asked.main.analysis;
    let Some(found) = names::at(analysis, asked.offset(params.position)) else { return Ok(None) };
    may_be_renamed(analysis, found).map_err(|why| (ErrorCode::RequestFailed, why))?;
    let placeholder = analysis.checked.files.text(found.span).to_owned();
    Ok(Some(PrepareRenameResponse::RangeWithPlaceholder { range: range_of(&asked, found.span), placeholder }))
}

/// Changes a name wherever it is said. Every file is checked as it would be afterwards: what would not mean the same is refused.
pub fn rename(server: &mut Server, params: RenameParams) -> Result<WorkspaceEdit, Refused> {
    let refuse = |why: String| (ErrorCode::RequestFailed, why);
    let at = params.text_document_position;
    let asked = Asked::of(server, &at.text_document.uri)?;
    let name = params.new_name;
    if let Some(why) = names::why_no_name(&name) {
        return Err(refuse(why));
    }
    let nothing = || refuse("nothing that has a name stands here".to_owned());
    let found = names::at(&asked.main.analysis, asked.offset(at.position)).ok_or_else(nothing)?;
    may_be_renamed(&asked.main.analysis, found).map_err(refuse)?;
    let old = asked.main.analysis.checked.files.text(found.span).to_owned();
    if name == old {
        return Ok(WorkspaceEdit::default());
    }

    // By file: where the name is written. An alias is its own file's affair.
    let mut places: BTreeMap<String, BTreeSet<(usize, usize)>> = BTreeMap::new();
    let mains = mains(server, &asked, found.symbol);
    for main in &mains {
        let analysis = &main.analysis;
        let is_asked = std::rc::Rc::ptr_eq(main, &asked.main);
        let only = (!found.own_name).then_some(found.span.file);
        if let Some(symbol) = same(&asked.main.analysis, found.symbol, analysis).filter(|_| found.own_name || is_asked)
        {
            if let Some(why) = rename::taken(analysis, symbol, &name, only) {
                return Err(refuse(shortened(&asked.path, &why)));
            }
            if let Some(hidden) = rename::unseen(analysis, symbol, &old, only) {
                let line = analysis.checked.files.position(hidden.file, hidden.start).line;
                let place = format!("{}:{line}", analysis.checked.files.file(hidden.file).path);
                let why = format!(
                    "`{old}` is said in {place} too, where something is wrong that hides what it means: mend that first"
                );
                return Err(refuse(shortened(&asked.path, &why)));
            }
        }
        let spans = if found.own_name {
            let Some(symbol) = same(&asked.main.analysis, found.symbol, analysis) else { continue };
            names::references(analysis, symbol).into_iter().filter(|one| one.own_name).map(|one| one.span).collect()
        } else if is_asked {
            names::renamed(analysis, found).map_err(refuse)?
        } else {
            Vec::new()
        };
        let paths: Vec<String> =
            analysis.checked.files.files().map(|(_, file)| disk::known_as(file.path.as_ref())).collect();
        for span in spans {
            let path = paths[span.file.0 as usize].clone();
            places.entry(path).or_default().insert((span.start as usize, span.end as usize));
        }
    }

    let mut changes = HashMap::new();
    let mut after = BTreeMap::new();
    for (path, spans) in &places {
        let text = text_of(&mains, path).ok_or_else(|| refuse(format!("{path} cannot be read")))?;
        let uri = server.documents.uri_of(path).ok_or_else(|| refuse(format!("{path} has no address")))?;
        let lines = Lines::of(&text);
        let edit = |&(start, end): &(usize, usize)| TextEdit::new(lines.range(&text, start, end), name.clone());
        changes.insert(uri, spans.iter().map(edit).collect());
        let mut changed = text.clone();
        for (start, end) in spans.iter().rev() {
            changed.replace_range(*start..*end, &name);
        }
        after.insert(path.clone(), changed);
    }
    for main in &mains {
        let path = disk::known_as(main.analysis.checked.files.file(mascot_lang::editor::MAIN).path.as_ref());
        let before = moved(&main.analysis, &places, name.len());
        let supposed = server.supposing(&path, after.clone());
        let (was, is) = (main.analysis.checked.diagnostics.sorted(), supposed.checked.diagnostics.sorted());
        if is.len() > was.len() {
            let new = is.iter().find(|one| !was.iter().any(|other| other.message == one.message));
            let why = new.map_or_else(String::new, |one| format!(": {}", one.message));
            return Err(refuse(format!("`{name}` cannot be its name{why}")));
        }
        let after: Vec<(Span, Symbol)> =
            names::occurrences(&supposed).into_iter().map(|one| (one.span, one.symbol)).collect();
        if after != before {
            return Err(refuse(format!("`{name}` means something else already where this is said")));
        }
    }
    Ok(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() })
}

/// What every name means, once `places` are written anew in so many bytes.
fn moved(
    analysis: &Analysis,
    places: &BTreeMap<String, BTreeSet<(usize, usize)>>,
    length: usize,
) -> Vec<(Span, Symbol)> {
    let files = analysis.checked.files.files();
    let edits: Vec<Option<&BTreeSet<(usize, usize)>>> =
        files.map(|(_, file)| places.get(&disk::known_as(file.path.as_ref()))).collect();
    let shift = |span: Span| {
        let Some(edits) = edits[span.file.0 as usize] else { return span };
        let place = |offset: u32| {
            let before = edits.iter().take_while(|(_, end)| *end <= offset as usize);
            before.fold(offset as usize, |at, (start, end)| at + length - (end - start))
        };
        let is_edited = edits.contains(&(span.start as usize, span.end as usize));
        let start = place(span.start);
        let end = if is_edited { start + length } else { start + (span.end - span.start) as usize };
        Span::new(span.file, start, end)
    };
    let symbol = |symbol: Symbol| match symbol {
        Symbol::At(span) => Symbol::At(shift(span)),
        file @ Symbol::File(_) => file,
    };
    names::occurrences(analysis).into_iter().map(|one| (shift(one.span), symbol(one.symbol))).collect()
}

/// Whether what stands here has a name that this project may change.
fn may_be_renamed(analysis: &Analysis, found: names::Occurrence) -> Result<(), String> {
    if let Symbol::At(span) = found.symbol
        && let Some(library) = disk::copied(&disk::known_as(analysis.checked.files.file(span.file).path.as_ref()))
    {
        return Err(format!("this is a copy of {library}, which is built in: what is changed here changes nothing"));
    }
    names::renamed(analysis, found).map(|_| ())
}

/// Every program that holds a symbol's file.
fn mains(server: &mut Server, asked: &Asked, symbol: Symbol) -> Vec<std::rc::Rc<Main>> {
    let file = match symbol {
        Symbol::At(span) => span.file,
        Symbol::File(file) => file,
    };
    let path = disk::key_of(&asked.main.analysis.checked.files.file(file).path);
    let mut all = server.made_of(&path);
    if !all.iter().any(|main| std::rc::Rc::ptr_eq(main, &asked.main)) {
        all.insert(0, std::rc::Rc::clone(&asked.main));
    }
    all
}

/// A symbol of one analysis in another that has its file too.
fn same(from: &Analysis, symbol: Symbol, to: &Analysis) -> Option<Symbol> {
    let file = |id| {
        let path = disk::key_of(&from.checked.files.file(id).path);
        to.checked.files.files().find(|(_, file)| disk::key_of(&file.path) == path).map(|(id, _)| id)
    };
    Some(match symbol {
        Symbol::At(span) => Symbol::At(Span { file: file(span.file)?, ..span }),
        Symbol::File(id) => Symbol::File(file(id)?),
    })
}

fn text_of(mains: &[std::rc::Rc<Main>], path: &str) -> Option<String> {
    mains.iter().find_map(|main| {
        let mut files = main.analysis.checked.files.files();
        files.find(|(_, file)| disk::known_as(file.path.as_ref()) == path).map(|(_, file)| file.text.clone())
    })
}

fn range_of(asked: &Asked, span: Span) -> Range {
    asked.range(span.start as usize, span.end as usize)
}

/// Addresses and lines of an analysis' files, each made once.
struct Places<'p> {
    analysis: &'p Analysis,
    files: BTreeMap<FileId, Option<(Uri, Lines)>>,
}

impl<'p> Places<'p> {
    fn of(analysis: &'p Analysis) -> Self {
        Self { analysis, files: BTreeMap::new() }
    }

    fn location(&mut self, documents: &Documents, span: Span) -> Option<Location> {
        let file = self.analysis.checked.files.file(span.file);
        let made = self.files.entry(span.file).or_insert_with(|| {
            let built_in = file.path.starts_with("std/");
            let path = if built_in { file.path.clone() } else { disk::known_as(file.path.as_ref()) };
            Some((documents.uri_of(&path)?, Lines::of(&file.text)))
        });
        let (uri, lines) = made.as_ref()?;
        Some(Location::new(uri.clone(), lines.range(&file.text, span.start as usize, span.end as usize)))
    }
}
