//! A judge's server that does as a test says, right or wrong: HTTP by hand over a socket of this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Heard {
    pub path: String,
    pub auth: Option<String>,
    pub body: Value,
}

impl Heard {
    /// The last message.
    pub fn prompt(&self) -> &str {
        self.body["messages"]
            .as_array()
            .and_then(|all| all.last())
            .and_then(|last| last["content"].as_str())
            .unwrap_or("")
    }

    /// What of the prompt stands in no fence, by the marks alone.
    pub fn outside_fences(&self) -> String {
        let mut out = String::new();
        let mut rest = self.prompt();
        while let Some((before, fence)) = rest.split_once("<<") {
            out.push_str(before);
            let (name, inside) = fence.split_once(">>").unwrap_or((fence, ""));
            let close = format!("<</{name}>>");
            rest = inside.split_once(close.as_str()).map_or("", |(_, after)| after);
        }
        out + rest
    }
}

/// What is sent back.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A chat completion with this text.
    Says(String),
    Status(u16, Vec<(&'static str, String)>, String),
    /// Nothing for so long, then nothing.
    Hangs(Duration),
    /// The whole of a right answer, a byte at a time, so far apart.
    Trickles(String, Duration),
    /// The connection is closed without a word.
    Closes,
}

/// Until it is dropped.
pub struct Server {
    pub url: String,
    pub port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// `answers` is given each request and how many came before it.
    pub fn start(answers: impl Fn(&Heard, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::at(0, answers)
    }

    /// At a port that was free a moment ago.
    pub fn at(port: u16, answers: impl Fn(&Heard, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let server =
            Self { url: format!("http://127.0.0.1:{port}/v1"), port, heard: heard.clone(), stop: stop.clone() };
        let answers = Arc::new(answers);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (answers, heard) = (answers.clone(), heard.clone());
                // A client that goes away in the middle is what some tests are about.
                thread::spawn(move || stream.and_then(|stream| serve(stream, &*answers, &heard)));
            }
        });
        server
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(
    mut stream: TcpStream,
    answers: &(impl Fn(&Heard, usize) -> Reply + ?Sized),
    log: &Mutex<Vec<Heard>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut auth, mut length) = (None, 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => auth = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let heard = Heard { path, auth, body: serde_json::from_slice(&body).unwrap_or(Value::Null) };
    let before = {
        let mut log = log.lock().unwrap();
        log.push(heard.clone());
        log.len() - 1
    };
    match answers(&heard, before) {
        Reply::Says(text) => respond(&mut stream, 200, &[], &completion(&text)),
        Reply::Status(status, headers, body) => respond(&mut stream, status, &headers, &body),
        Reply::Hangs(long) => {
            thread::sleep(long);
            Ok(())
        }
        Reply::Trickles(text, gap) => {
            let body = completion(&text);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            for byte in body.bytes() {
                stream.write_all(&[byte])?;
                stream.flush()?;
                thread::sleep(gap);
            }
            Ok(())
        }
        Reply::Closes => Ok(()),
    }
}

fn completion(text: &str) -> String {
    json!({
        "id": "1", "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    })
    .to_string()
}

fn respond(stream: &mut TcpStream, status: u16, headers: &[(&str, String)], body: &str) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Word\r\nContent-Type: application/json\r\nConnection: close\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())
}
