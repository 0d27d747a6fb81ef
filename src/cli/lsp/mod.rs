//! `mascot lsp`: the language server, on standard input and output. What is known about a file is `lang::editor`'s; here are the protocol,
//! positions in UTF-16, and buffers that are not saved yet.
//!
//! # Steps
//! 1. [`transport`]: bytes and messages. [`queue`]: messages as they come. What was cancelled, or speaks of a text that has changed since, is not worked on.
//! 2. [`server`]: documents and their analyses. Every change is checked whole; what imports the file, once nothing else is asked.
//! 3. [`answers`]: one function a request, from the language's answer to the protocol's.
//!
//! One thread works, so that answers need no locks. A panic is told to whoever asked, and to the person, and the server goes on.

mod answers;
mod disk;
mod documents;
mod queue;
mod server;
mod text;
#[cfg(feature = "engine")]
mod tokenizers;
mod transport;

use lsp_server::{Connection, ErrorCode, Message, Request, Response};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions, HoverProviderCapability,
    InitializeParams, OneOf, RenameOptions, SemanticTokensFullOptions, SemanticTokensOptions, ServerCapabilities,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions,
    WorkDoneProgressOptions,
};

use super::exit::Exit;
use super::render;
use server::Server;

pub fn lsp() -> Exit {
    let (connection, threads) = transport::stdio(|why| {
        render::complain(&format!("the editor sent what is no message: {why}"), None);
    });
    let ended = serve(&connection);
    // The writing thread ends when nobody can send any more.
    drop(connection);
    let closed = threads.join();
    match (ended, closed) {
        (Ok(exit), Ok(())) => exit,
        (_, Err(why)) if why.kind() == std::io::ErrorKind::InvalidData => {
            render::complain(&format!("the editor sent what is no message: {why}"), Some(BY_AN_EDITOR));
            Exit::CallWrong
        }
        (Err(why), _) => {
            render::complain(&format!("the editor's first message was not understood: {why}"), Some(BY_AN_EDITOR));
            Exit::CallWrong
        }
        // The editor went away without a word.
        (Ok(_), Err(_)) => Exit::CallWrong,
    }
}

const BY_AN_EDITOR: &str = "an editor starts `mascot lsp`: see docs/editors.md";

fn serve(connection: &Connection) -> Result<Exit, String> {
    let Some(first) = first(connection)? else { return Ok(Exit::ProgramWrong) };
    let params: InitializeParams = serde_json::from_value(first.params).map_err(|why| why.to_string())?;
    let answer = serde_json::json!({
        "capabilities": capabilities(),
        "serverInfo": { "name": "mascot", "version": env!("CARGO_PKG_VERSION") },
    });
    connection.sender.send(Response::new_ok(first.id, answer).into()).map_err(|why| why.to_string())?;
    let mut server = Server::new(connection.sender.clone(), &params);
    Ok(server.run(&connection.receiver))
}

/// The request with which a session begins. What is asked before it is refused; `None`: the editor wants no session.
fn first(connection: &Connection) -> Result<Option<Request>, String> {
    for message in &connection.receiver {
        match message {
            Message::Request(request) if request.method == "initialize" => return Ok(Some(request)),
            Message::Request(request) => {
                let why = "the session has not begun: `initialize` comes first".to_owned();
                let refused = Response::new_err(request.id, ErrorCode::ServerNotInitialized as i32, why);
                connection.sender.send(refused.into()).map_err(|why| why.to_string())?;
            }
            Message::Notification(note) if note.method == "exit" => return Ok(None),
            Message::Notification(_) | Message::Response(_) => {}
        }
    }
    Err("nobody is there".to_owned())
}

fn capabilities() -> ServerCapabilities {
    let progress = WorkDoneProgressOptions::default();
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([".", "=", ":", "(", "[", "{", "\""].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: progress,
        })),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::SOURCE_FIX_ALL]),
            ..CodeActionOptions::default()
        })),
        folding_range_provider: Some(lsp_types::FoldingRangeProviderCapability::Simple(true)),
        inlay_hint_provider: Some(OneOf::Left(true)),
        semantic_tokens_provider: Some(
            SemanticTokensOptions {
                legend: answers::paint::legend(),
                full: Some(SemanticTokensFullOptions::Bool(true)),
                ..SemanticTokensOptions::default()
            }
            .into(),
        ),
        ..ServerCapabilities::default()
    }
}
