//! Messages as bytes: each with its length before it, on standard input and output.

use std::io::{self, BufRead, Read, Write};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use lsp_server::{Connection, Message};

/// No editor sends as much at once.
const MOST_BYTES: usize = 256 << 20;

/// The threads that read and write.
pub struct Threads {
    reader: JoinHandle<io::Result<()>>,
    writer: JoinHandle<io::Result<()>>,
}

impl Threads {
    /// Waits until all is read and written.
    ///
    /// # Errors
    /// What came was no message, or nobody listens any more.
    pub fn join(self) -> io::Result<()> {
        let ended =
            |thread: JoinHandle<io::Result<()>>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        ended(self.reader)?;
        ended(self.writer)
    }
}

/// A connection over standard input and output. `complain` hears of what came whole and could not be read; the session goes on.
pub fn stdio(complain: impl Fn(&str) + Send + 'static) -> (Connection, Threads) {
    let (to_client, answers) = bounded::<Message>(0);
    let (to_server, messages) = bounded::<Message>(0);
    let writer = thread::spawn(move || written(&answers, &mut io::stdout().lock()));
    let reader = thread::spawn(move || heard(&mut io::stdin().lock(), &to_server, &complain));
    (Connection { sender: to_client, receiver: messages }, Threads { reader, writer })
}

fn written(answers: &Receiver<Message>, output: &mut impl Write) -> io::Result<()> {
    answers.iter().try_for_each(|message| message.write(output))
}

fn heard(input: &mut impl BufRead, to_server: &Sender<Message>, complain: &dyn Fn(&str)) -> io::Result<()> {
    while let Some(body) = body(input)? {
        let message: Message = match serde_json::from_slice(&body) {
            Ok(message) => message,
            Err(why) => {
                complain(&why.to_string());
                continue;
            }
        };
        let is_last = matches!(&message, Message::Notification(note) if note.method == "exit");
        // Nobody listens any more once the session has ended.
        if to_server.send(message).is_err() || is_last {
            break;
        }
    }
    Ok(())
}

/// The next message's bytes; `None` at the end of the input.
fn body(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let wrong = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let mut length = None;
    loop {
        let mut line = Vec::new();
        // A header is short: what is not is no header.
        input.take(4096).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            let shown: String = line.chars().take(60).collect();
            return wrong(format!("`{shown}` is no header"));
        };
        if name.trim().eq_ignore_ascii_case("content-length") {
            let value = value.trim();
            match value.parse::<usize>() {
                Ok(bytes) if bytes <= MOST_BYTES => length = Some(bytes),
                Ok(bytes) => return wrong(format!("a message of {bytes} bytes is too long")),
                Err(_) => return wrong(format!("`{value}` is no length")),
            }
        }
    }
    let Some(length) = length else { return wrong("a message without `Content-Length`".to_owned()) };
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn told(input: &str) -> (usize, usize, Result<(), String>) {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let complaints = Cell::new(0);
        let ended = heard(&mut input.as_bytes(), &sender, &|_| complaints.set(complaints.get() + 1));
        (receiver.len(), complaints.get(), ended.map_err(|why| why.to_string()))
    }

    #[test]
    fn what_is_no_message_is_said_and_costs_nothing() {
        let framed = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let note = framed("{\"jsonrpc\":\"2.0\",\"method\":\"x\"}");
        assert_eq!(told(&format!("{note}{note}")), (2, 0, Ok(())));
        assert_eq!(told(&format!("{}{note}", framed("{nonsense"))), (1, 1, Ok(())), "the next one is read");
        assert_eq!(told(&note.replace("Content-Length", "content-length")), (1, 0, Ok(())));
        for (input, why) in [
            ("Content-Length: 99999999999999\r\n\r\n{}", "too long"),
            ("Content-Length: many\r\n\r\n{}", "no length"),
            ("Content-Type: x\r\n\r\n{}", "without `Content-Length`"),
            ("hello\r\n", "no header"),
            ("Content-Length: 5\r\n\r\n{}", "fill"),
        ] {
            let (_, _, ended) = told(input);
            assert!(ended.as_ref().is_err_and(|told| told.contains(why)), "{input}: {ended:?}");
        }
    }
}
