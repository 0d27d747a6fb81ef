//! The state of a session, and who answers what.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{self as note, Notification as _};
use lsp_types::request::{self as ask, Request as _};
use lsp_types::{InitializeParams, MessageType, PublishDiagnosticsParams, ShowMessageParams, Uri};
use mascot_lang::diagnostic::Diagnostics;
use mascot_lang::editor::{self, Analysis};
use mascot_lang::lock::VENDOR;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::exit::Exit;
use super::answers;
use super::disk;
use super::documents::{Document, Documents, Overlay};
use super::queue::{Next, Queue};
use super::text;

/// What the editor can do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client {
    /// Places to fill in, in what is completed.
    pub snippets: bool,
    /// It tells of files that changed on disk, when it is asked to.
    pub watches: bool,
    /// Symbols inside symbols.
    pub nests_symbols: bool,
    /// Markdown where it points at something.
    pub markdown: bool,
    /// The same, of what is completed.
    pub markdown_docs: bool,
    /// What belongs to a diagnostic, by its place.
    pub related: bool,
}

/// A file checked with its imports.
pub struct Main {
    pub analysis: Analysis,
    /// What the rules of `lint` find in it; of a file that is open, once there is time for it.
    pub lints: OnceCell<Diagnostics>,
    /// Every file that it is made of, by [`disk::key_of`], and every one that it names and that is not there: it may come.
    pub parts: BTreeSet<String>,
}

pub struct Server {
    sender: Sender<Message>,
    pub client: Client,
    pub documents: Documents,
    folders: Vec<PathBuf>,
    /// By the path of the main file: what is open, and the files of the workspace that were looked at.
    mains: BTreeMap<String, Rc<Main>>,
    /// To be checked again when nothing is asked.
    dirty: BTreeSet<String>,
    /// What was last published of each path.
    published: BTreeMap<String, Value>,
    /// Something changed since.
    unpublished: bool,
    requests: i32,
    ending: bool,
    #[cfg(feature = "engine")]
    pub tokenizers: super::tokenizers::Tokenizers,
}

/// Why a request is not answered; for the person who asked.
pub type Refused = (ErrorCode, String);

impl Server {
    pub fn new(sender: Sender<Message>, params: &InitializeParams) -> Self {
        let capable = serde_json::to_value(&params.capabilities).unwrap_or_default();
        let can = |path: &str| capable.pointer(path) == Some(&Value::Bool(true));
        let reads = |path: &str| {
            let formats = capable.pointer(path).and_then(Value::as_array);
            formats.is_some_and(|formats| formats.iter().any(|one| one == "markdown"))
        };
        let client = Client {
            snippets: can("/textDocument/completion/completionItem/snippetSupport"),
            watches: can("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            nests_symbols: can("/textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
            markdown: reads("/textDocument/hover/contentFormat"),
            markdown_docs: reads("/textDocument/completion/completionItem/documentationFormat"),
            related: can("/textDocument/publishDiagnostics/relatedInformation"),
        };
        let named = params.workspace_folders.iter().flatten().map(|folder| &folder.uri);
        #[allow(deprecated, reason = "older editors name one root and no folders")]
        let root = params.root_uri.iter().filter(|_| params.workspace_folders.is_none());
        let folders =
            named.chain(root).map(|uri| PathBuf::from(disk::path_of(uri))).filter(|path| path.is_dir()).collect();
        Self {
            sender,
            client,
            documents: Documents::default(),
            folders,
            mains: BTreeMap::new(),
            dirty: BTreeSet::new(),
            published: BTreeMap::new(),
            unpublished: false,
            requests: 0,
            ending: false,
            #[cfg(feature = "engine")]
            tokenizers: super::tokenizers::Tokenizers::default(),
        }
    }

    /// Answers until the editor says that it is over, or goes away.
    pub fn run(&mut self, receiver: &Receiver<Message>) -> Exit {
        self.dirty.extend(disk::workspace(&self.folders));
        let mut queue = Queue::default();
        loop {
            if queue.is_empty() && self.dirty.is_empty() && !self.unpublished {
                match receiver.recv() {
                    Ok(message) => queue.push(message),
                    Err(_) => return self.ended(),
                }
            }
            loop {
                match receiver.try_recv() {
                    Ok(message) => queue.push(message),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) if queue.is_empty() => return self.ended(),
                    Err(TryRecvError::Disconnected) => break,
                }
            }
            match queue.pop() {
                Some(Next::Answer(request)) => self.answer(request),
                Some(Next::Cancelled(id)) => self.refuse(id, (ErrorCode::RequestCanceled, "cancelled".to_owned())),
                Some(Next::Stale(id)) => {
                    self.refuse(id, (ErrorCode::ContentModified, "the text has changed since".to_owned()))
                }
                Some(Next::Note(note)) if note.method == note::Exit::METHOD => return self.ended(),
                Some(Next::Note(note)) => {
                    let method = note.method.clone();
                    if let Err(why) = guarded(|| self.note(note)) {
                        self.confess(&method, &why);
                    }
                }
                None => self.idle(),
            }
        }
    }

    fn ended(&self) -> Exit {
        if self.ending { Exit::Done } else { Exit::ProgramWrong }
    }

    // ---- requests ------------------------------------------------------------------------------------------------------

    fn answer(&mut self, request: Request) {
        let (id, method) = (request.id.clone(), request.method.clone());
        match guarded(|| self.asked(request)) {
            Ok(Ok(answer)) => self.send(Response::new_ok(id, answer).into()),
            Ok(Err(refused)) => self.refuse(id, refused),
            Err(why) => {
                self.confess(&method, &why);
                self.refuse(id, (ErrorCode::InternalError, format!("{method}: {why}")));
            }
        }
    }

    fn asked(&mut self, request: Request) -> Result<Value, Refused> {
        if self.ending {
            return Err((ErrorCode::InvalidRequest, "the session is over".to_owned()));
        }
        let params = request.params;
        match request.method.as_str() {
            ask::Initialize::METHOD => Err((ErrorCode::InvalidRequest, "the session has begun already".to_owned())),
            ask::Shutdown::METHOD => {
                self.ending = true;
                Ok(Value::Null)
            }
            ask::Completion::METHOD => self.with(params, answers::complete::complete),
            ask::HoverRequest::METHOD => self.with(params, answers::hover::hover),
            ask::GotoDefinition::METHOD => self.with(params, answers::names::definition),
            ask::References::METHOD => self.with(params, answers::names::references),
            ask::DocumentHighlightRequest::METHOD => self.with(params, answers::names::highlight),
            ask::PrepareRenameRequest::METHOD => self.with(params, answers::names::prepare_rename),
            ask::Rename::METHOD => self.with(params, answers::names::rename),
            ask::CodeActionRequest::METHOD => self.with(params, answers::fixes::actions),
            ask::Formatting::METHOD => self.with(params, answers::layout::format),
            ask::DocumentSymbolRequest::METHOD => self.with(params, answers::layout::symbols),
            ask::FoldingRangeRequest::METHOD => self.with(params, answers::layout::folding),
            ask::InlayHintRequest::METHOD => self.with(params, answers::paint::hints),
            ask::SemanticTokensFullRequest::METHOD => self.with(params, answers::paint::tokens),
            other => Err((ErrorCode::MethodNotFound, format!("{other} is not offered"))),
        }
    }

    fn with<P: DeserializeOwned, A: Serialize>(
        &mut self,
        params: Value,
        answer: impl FnOnce(&mut Server, P) -> Result<A, Refused>,
    ) -> Result<Value, Refused> {
        let params = serde_json::from_value(params).map_err(|why| (ErrorCode::InvalidParams, why.to_string()))?;
        let answer = answer(self, params)?;
        serde_json::to_value(answer).map_err(|why| (ErrorCode::InternalError, why.to_string()))
    }

    // ---- notifications -------------------------------------------------------------------------------------------------

    fn note(&mut self, note: Notification) {
        let params = note.params;
        match note.method.as_str() {
            note::Initialized::METHOD => self.watch(),
            note::DidOpenTextDocument::METHOD => {
                let Some(params) = read::<lsp_types::DidOpenTextDocumentParams>(params) else { return };
                let opened = params.text_document;
                let path = disk::path_of(&opened.uri);
                let document = Document { uri: opened.uri, version: opened.version, text: opened.text };
                self.documents.open.insert(path.clone(), document);
                self.changed(&path);
            }
            note::DidChangeTextDocument::METHOD => {
                let Some(params) = read::<lsp_types::DidChangeTextDocumentParams>(params) else { return };
                let path = disk::path_of(&params.text_document.uri);
                let Some(document) = self.documents.open.get_mut(&path) else { return };
                document.version = params.text_document.version;
                params.content_changes.into_iter().for_each(|change| text::apply(&mut document.text, change));
                self.changed(&path);
            }
            note::DidCloseTextDocument::METHOD => {
                let Some(params) = read::<lsp_types::DidCloseTextDocumentParams>(params) else { return };
                let path = disk::path_of(&params.text_document.uri);
                self.documents.open.remove(&path);
                // What was not saved is forgotten with the buffer.
                self.changed(&path);
            }
            note::DidSaveTextDocument::METHOD => {
                let Some(params) = read::<lsp_types::DidSaveTextDocumentParams>(params) else { return };
                self.changed(&disk::path_of(&params.text_document.uri));
            }
            note::DidChangeWatchedFiles::METHOD => {
                let Some(params) = read::<lsp_types::DidChangeWatchedFilesParams>(params) else { return };
                for change in params.changes {
                    let path = disk::path_of(&change.uri);
                    // An open buffer is what its editor shows, whatever lies on the disk.
                    if !self.documents.open.contains_key(&path) && self.matters(&path) {
                        self.changed(&path);
                    }
                    // What the lock pins, and what was fetched by it, has another name in a program.
                    if path.ends_with("/mascot.lock") || path.contains(&format!("/{VENDOR}/")) {
                        self.dirty.extend(self.mains.keys().cloned());
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether a path of the disk is one of a program, or a folder of some.
    fn matters(&self, path: &str) -> bool {
        path.ends_with(".masc") || self.mains.iter().any(|(main, known)| is_of(path, main, known))
    }

    /// A file is not what it was: it, and whatever is made of it. Of a folder that comes or goes, whatever lies in it.
    fn changed(&mut self, path: &str) {
        let of_it = self.mains.iter().filter(|(main, known)| is_of(path, main, known));
        self.dirty.extend(of_it.map(|(main, _)| main.clone()));
        if path.ends_with(".masc") || self.documents.open.contains_key(path) {
            self.dirty.insert(path.to_owned());
        }
        self.unpublished = true;
    }

    // ---- analyses ------------------------------------------------------------------------------------------------------

    /// What is known of a document as it is shown now.
    pub fn analysis(&mut self, uri: &Uri) -> Result<(String, Rc<Main>), Refused> {
        let path = disk::path_of(uri);
        // What lies in the workspace may be asked about without being opened.
        let is_shown = self.documents.open.contains_key(&path) || self.mains.contains_key(&path);
        let is_near = |folder: &PathBuf| Path::new(&path).starts_with(folder);
        let may_be_read = self.folders.iter().any(is_near) || disk::copied(&path).is_some();
        let is_readable = may_be_read && disk::is_file(&path);
        if !(is_shown || is_readable) {
            return Err((ErrorCode::InvalidParams, format!("{} is not open", uri.as_str())));
        }
        if self.dirty.remove(&path) || !self.mains.contains_key(&path) {
            self.analyse(&path);
        }
        let main =
            self.mains.get(&path).ok_or_else(|| (ErrorCode::InternalError, "it could not be checked".to_owned()))?;
        Ok((path, Rc::clone(main)))
    }

    /// Every file that is made of `path`, itself first: for what is asked of all files of a program.
    pub fn made_of(&mut self, path: &str) -> Vec<Rc<Main>> {
        for dirty in std::mem::take(&mut self.dirty) {
            self.analyse(&dirty);
        }
        let own = self.mains.get(path).cloned();
        let others = self.mains.iter().filter(|(main, known)| *main != path && known.parts.contains(path));
        own.into_iter().chain(others.map(|(_, known)| Rc::clone(known))).collect()
    }

    /// Every `.masc` file that is known of.
    pub fn files(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.mains.keys().chain(&self.dirty).collect();
        all.into_iter().filter(|path| path.ends_with(".masc")).cloned().collect()
    }

    /// Checks a text that stands in for others: what a rename would make.
    pub fn supposing(&self, path: &str, instead: BTreeMap<String, String>) -> Analysis {
        let overlay = Overlay { instead, ..Overlay::around(&self.documents, path) };
        editor::analyse(&overlay, path)
    }

    fn analyse(&mut self, path: &str) {
        self.unpublished = true;
        let overlay = Overlay::around(&self.documents, path);
        let is_there = self.documents.open.contains_key(path) || disk::is_file(path);
        if !is_there {
            self.mains.remove(path);
            return;
        }
        let analysis = editor::analyse(&overlay, path);
        let of_files = analysis.checked.files.files().map(|(_, file)| disk::key_of(&file.path));
        let parts = of_files.chain(overlay.asked.take()).collect();
        self.mains.insert(path.to_owned(), Rc::new(Main { analysis, lints: OnceCell::new(), parts }));
    }

    /// Nothing is asked: one more file is checked, or asked by the rules, or what was found is told.
    fn idle(&mut self) {
        // What is being looked at comes first.
        let open = self.dirty.iter().find(|path| self.documents.open.contains_key(*path)).cloned();
        let next = open.or_else(|| self.dirty.first().cloned());
        match (next, self.unlinted()) {
            (Some(path), unlinted) if unlinted.is_none() || self.documents.open.contains_key(&path) => {
                self.dirty.remove(&path);
                if let Err(why) = guarded(|| self.analyse(&path)) {
                    self.confess(&path, &why);
                }
                self.publish_of(&path);
            }
            (_, Some((path, main))) => {
                let found = guarded(|| main.analysis.lints());
                let found = found.unwrap_or_else(|why| {
                    self.confess(&format!("lint of {path}"), &why);
                    Diagnostics::default()
                });
                // Nobody else asks the rules of this file.
                let _ = main.lints.set(found);
                self.publish_of(&path);
            }
            _ => self.publish(),
        }
    }

    /// An open file without errors that the rules were not asked of.
    fn unlinted(&self) -> Option<(String, Rc<Main>)> {
        let mut open = self.documents.open.keys().filter_map(|path| Some((path, self.mains.get(path)?)));
        let waits = |main: &Main| main.analysis.checked.program.is_some() && main.lints.get().is_none();
        open.find(|(_, main)| waits(main)).map(|(path, main)| (path.clone(), Rc::clone(main)))
    }

    /// Tells what was found, when `path` is open and no other open file waits: then nothing that is told will be told anew at once.
    fn publish_of(&mut self, path: &str) {
        let waits = self.dirty.iter().any(|path| self.documents.open.contains_key(path));
        if self.documents.open.contains_key(path) && !waits && self.unlinted().is_none() {
            self.publish();
        }
    }

    /// Tells what is wrong in the files that are open, in what they import, and in what imports them.
    fn publish(&mut self) {
        self.unpublished = false;
        let open = |path: &String| self.documents.open.contains_key(path);
        let of_open = self.mains.iter().filter(|(path, _)| open(path)).flat_map(|(_, main)| &main.parts);
        let needed: BTreeSet<&String> = of_open.collect();
        let mut wanted: BTreeMap<String, Vec<lsp_types::Diagnostic>> = BTreeMap::new();
        let mut of_others = Vec::new();
        for (path, main) in &self.mains {
            let matters = open(path) || needed.contains(path) || main.parts.iter().any(open);
            if !matters {
                continue;
            }
            for (part, found) in answers::fixes::diagnostics(&self.documents, main, self.client) {
                // A file that is looked at by itself tells its own first.
                if part == *path {
                    wanted.entry(part).or_default().extend(found);
                } else if open(path) {
                    of_others.push((part, found));
                }
            }
        }
        // What shows in it only where it is imported, is told once.
        for (part, found) in of_others {
            let told = wanted.entry(part).or_default();
            for one in found {
                if !told.iter().any(|other| other.range == one.range && other.code == one.code) {
                    told.push(one);
                }
            }
        }
        for path in self.documents.open.keys() {
            wanted.entry(path.clone()).or_default();
        }
        for path in self.published.keys() {
            wanted.entry(path.clone()).or_default();
        }
        for (path, diagnostics) in wanted {
            let Some(uri) = self.documents.uri_of(&path) else { continue };
            let version = self.documents.open.get(&path).map(|document| document.version);
            let is_empty = diagnostics.is_empty();
            let Ok(params) = serde_json::to_value(PublishDiagnosticsParams { uri, diagnostics, version }) else {
                continue;
            };
            if self.published.get(&path) != Some(&params) {
                self.send(Notification::new(note::PublishDiagnostics::METHOD.to_owned(), params.clone()).into());
            }
            if is_empty && !self.documents.open.contains_key(&path) {
                self.published.remove(&path);
            } else {
                self.published.insert(path, params);
            }
        }
    }

    // ---- to the editor -------------------------------------------------------------------------------------------------

    /// Asks to be told of files that change on disk.
    fn watch(&mut self) {
        if !self.client.watches {
            return;
        }
        self.requests += 1;
        // A text may be called anything.
        let watchers = [json!({ "globPattern": "**/*" })];
        let id = RequestId::from(format!("mascot-{}", self.requests));
        let registration = json!({ "registrations": [{
            "id": "files", "method": note::DidChangeWatchedFiles::METHOD, "registerOptions": { "watchers": watchers },
        }] });
        self.send(Request::new(id, ask::RegisterCapability::METHOD.to_owned(), registration).into());
    }

    fn refuse(&self, id: RequestId, (code, why): Refused) {
        self.send(Response::new_err(id, code as i32, why).into());
    }

    /// A panic: said to the person, because it is ours.
    fn confess(&self, doing: &str, why: &str) {
        let message = format!("mascot: {doing} failed: {why}. This is a bug in mascot; the server goes on");
        let params = ShowMessageParams { typ: MessageType::ERROR, message };
        self.send(Notification::new(note::ShowMessage::METHOD.to_owned(), params).into());
    }

    fn send(&self, message: Message) {
        // An editor that went away hears nothing; the reading side notices.
        let _ = self.sender.send(message);
    }
}

/// Whether a program is, or would be, made of a file, or of one in a folder.
fn is_of(path: &str, main: &str, known: &Main) -> bool {
    let below = |part: &str| part.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below(main) || known.parts.iter().any(|part| below(part))
}

fn read<P: DeserializeOwned>(params: Value) -> Option<P> {
    serde_json::from_value(params).ok()
}

/// The words of a panic instead of the end of everything.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload: Box<dyn Any + Send>| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_answer_and_the_server_goes_on() {
        let (to_client, client) = crossbeam_channel::unbounded();
        let mut server = Server::new(to_client, &InitializeParams::default());
        let fails = |_: &mut Server, (): ()| -> Result<Value, Refused> { panic!("a part of mascot") };
        let answer = guarded(|| server.with(Value::Null, fails));
        assert_eq!(answer.unwrap_err(), "a part of mascot");
        server.confess("hover", "a part of mascot");
        let Message::Notification(told) = client.recv().unwrap() else { panic!("the person is told") };
        assert!(told.params["message"].as_str().unwrap().contains("a bug in mascot"));
        // Whatever is asked next is answered.
        server.answer(Request::new(7.into(), "textDocument/hover".to_owned(), json!({ "no": "params" })));
        let Message::Response(refused) = client.recv().unwrap() else { panic!("an answer") };
        assert_eq!(refused.id, 7.into());
        assert!(refused.response_result.is_err());
    }
}
