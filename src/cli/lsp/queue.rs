//! Messages that have come and are not answered yet. A request that is cancelled, or that speaks of a document which has changed since, is
//! answered with that and nothing is computed for it.

use std::collections::VecDeque;

use lsp_server::{Message, Notification, Request, RequestId};
use serde_json::Value;

/// What is to be done next.
#[derive(Debug)]
pub enum Next {
    Answer(Request),
    /// It is not wanted any more.
    Cancelled(RequestId),
    /// Its document changed after it was asked.
    Stale(RequestId),
    Note(Notification),
}

#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Next>,
}

impl Queue {
    pub fn push(&mut self, message: Message) {
        match message {
            Message::Request(request) => self.waiting.push_back(Next::Answer(request)),
            Message::Notification(note) if note.method == "$/cancelRequest" => self.cancel(&note),
            Message::Notification(note) => {
                if matches!(note.method.as_str(), "textDocument/didChange" | "textDocument/didClose") {
                    self.outdate(document(&note.params));
                }
                self.waiting.push_back(Next::Note(note));
            }
            // Answers to what the server asked say nothing that it waits for.
            Message::Response(_) => {}
        }
    }

    pub fn pop(&mut self) -> Option<Next> {
        self.waiting.pop_front()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn cancel(&mut self, note: &Notification) {
        let Ok(id) = serde_json::from_value::<RequestId>(note.params["id"].clone()) else { return };
        for next in &mut self.waiting {
            if matches!(next, Next::Answer(request) if request.id == id) {
                *next = Next::Cancelled(id.clone());
            }
        }
    }

    fn outdate(&mut self, changed: Option<&str>) {
        for next in &mut self.waiting {
            if let Next::Answer(request) = next
                && changed.is_some()
                && document(&request.params) == changed
            {
                *next = Next::Stale(request.id.clone());
            }
        }
    }
}

/// The document that a message is about.
fn document(params: &Value) -> Option<&str> {
    params["textDocument"]["uri"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(id: i32, uri: &str) -> Message {
        Request::new(id.into(), "textDocument/hover".to_owned(), json!({ "textDocument": { "uri": uri } })).into()
    }

    fn note(method: &str, params: Value) -> Message {
        Notification::new(method.to_owned(), params).into()
    }

    #[test]
    fn what_nobody_waits_for_is_not_worked_on() {
        let mut queue = Queue::default();
        queue.push(request(1, "a"));
        queue.push(request(2, "b"));
        queue.push(request(3, "a"));
        queue.push(note("textDocument/didChange", json!({ "textDocument": { "uri": "a" } })));
        queue.push(request(4, "a"));
        queue.push(note("$/cancelRequest", json!({ "id": 2 })));
        queue.push(note("$/cancelRequest", json!({ "id": 9 })));
        assert!(matches!(queue.pop(), Some(Next::Stale(id)) if id == 1.into()));
        assert!(matches!(queue.pop(), Some(Next::Cancelled(id)) if id == 2.into()));
        assert!(matches!(queue.pop(), Some(Next::Stale(id)) if id == 3.into()));
        assert!(matches!(queue.pop(), Some(Next::Note(_))));
        assert!(
            matches!(queue.pop(), Some(Next::Answer(request)) if request.id == 4.into()),
            "it was asked of the new text"
        );
        assert!(queue.is_empty());
    }
}
