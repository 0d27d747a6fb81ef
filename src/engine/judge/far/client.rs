//! One question to one server: an OpenAI-compatible `/chat/completions`, asked until it answers or it is known why it will not.
//!
//! Failures are of four kinds. *Away* (no connection, 429, 502, 503): it is waited for, by the clock, as long as patience lasts.
//! *Broken* (a timeout, another 5xx, an answer cut short): sent again, `retries` times, then this question is void. *Refused* (400 and
//! the like): asked more simply (`dialect`), then void. *Fatal* (the key, the model's name, a certificate, a redirect):
//! nothing will change by waiting, so the task fails with what to do.
//!
//! The secret stands in one header. Redirects are not followed, so that it is sent to no other host, and what the server says is
//! shown without it.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::time::{Duration, Instant};

use mascot_run::engine::{Endpoint, Fault};
use mascot_run::remote::{Address, Remote, Secret};
use mascot_run::task::RubricSpec;
use reqwest::header::{AUTHORIZATION, DATE, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};
use serde_json::Value;

use super::dialect::{Dialect, blames_form};
use super::pace::{Limits, Pace, retry_after};
use crate::text::Message;

/// The most bytes of an answer that are read.
const LARGEST: usize = 1 << 20;
/// Requests at the same time, to begin with; halved when the server is too busy.
const LANES: usize = 4;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub messages: &'a [Message],
    pub rubric: &'a RubricSpec,
    pub seed: u64,
    pub temperature: f64,
    /// Spreads waits; no part of what is asked.
    pub draw: u64,
}

/// What was answered, and the tokens that it took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    pub text: String,
    pub read: u64,
    pub written: u64,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// To this question; `silent` when the server did not say no, but nothing.
    Void { why: String, silent: bool },
    /// To any.
    Fault(Fault),
}

/// A server, and what has been learnt of it.
pub struct Client {
    model: String,
    url: String,
    /// `host:port`, for messages.
    place: String,
    remote: Remote,
    secret: Option<Secret>,
    auth: Option<HeaderValue>,
    http: reqwest::Client,
    pace: Pace,
    dialect: RefCell<Dialect>,
    limits: RefCell<Limits>,
    answered: Cell<bool>,
    /// What is waited for, in words.
    waits: RefCell<Option<String>>,
    lanes: Cell<usize>,
    /// Dollars, so far and on their way.
    spent: Cell<f64>,
    open: Cell<f64>,
}

/// What one request came to.
enum Came {
    Answer(Answer),
    Away { why: String, after: Option<Duration>, busy: bool },
    Broken { why: String, busy: bool },
    Refused(String),
    Fatal(String),
}

impl Client {
    /// # Errors
    /// When the URL or the secret cannot be used, or this machine has no trusted certificates.
    pub fn new(endpoint: &Endpoint, model: &str, pace: Pace) -> Result<Self, Fault> {
        let Endpoint { remote, auth: secret } = endpoint;
        let address = Address::of(&remote.url).map_err(|why| Fault::Judge(format!("its URL: {why}")))?;
        let place = address.to_string();
        let auth = match secret {
            None => None,
            Some(secret) => {
                let mut header = HeaderValue::from_str(&format!("Bearer {}", secret.reveal())).map_err(|_| {
                    let variable = remote.secret.as_deref().unwrap_or_default();
                    Fault::Judge(format!("{variable} holds characters that no key has; set it to the key alone"))
                })?;
                header.set_sensitive(true);
                Some(header)
            }
        };
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT.min(seconds(remote.timeout)))
            .user_agent(concat!("mascot/", env!("CARGO_PKG_VERSION")));
        if address.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|why| Fault::Judge(format!("{place}: {}", deepest(&why))))?;
        let base = remote.url.trim_end_matches('/');
        let url =
            if base.ends_with("/chat/completions") { base.to_owned() } else { format!("{base}/chat/completions") };
        Ok(Self {
            model: model.to_owned(),
            url,
            place,
            limits: RefCell::new(Limits::new(remote, pace.minute)),
            remote: remote.clone(),
            secret: secret.clone(),
            auth,
            http,
            pace,
            dialect: RefCell::new(Dialect::standard()),
            answered: Cell::new(false),
            waits: RefCell::new(None),
            lanes: Cell::new(LANES),
            spent: Cell::new(0.0),
            open: Cell::new(0.0),
        })
    }

    /// How many questions may be open at the same time.
    pub fn lanes(&self) -> usize {
        self.lanes.get()
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is waited for just now: a server that is away, or one that gave no usable answer.
    pub fn waits(&self) -> Option<String> {
        self.waits.borrow().clone()
    }

    /// What a reader of the results should know of the server.
    pub fn note(&self) -> Option<String> {
        self.dialect.borrow().note()
    }

    /// Dollars for so many tokens, if both prices are known.
    pub fn price(&self, read: u64, written: u64) -> Option<f64> {
        let Remote { input_price, output_price, .. } = self.remote;
        Some((read as f64 * input_price? + written as f64 * output_price?) / 1e6)
    }

    /// Asks until there is an answer, or no hope of one.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn ask(&self, question: Question<'_>) -> Result<Answer, Failure> {
        let (mut broken, mut waits) = (0, 0);
        let mut away_since: Option<Instant> = None;
        loop {
            let dialect = self.dialect.borrow().clone();
            let body =
                dialect.body(&self.model, question.messages, question.rubric, question.seed, question.temperature);
            let room = dialect.room(question.rubric);
            let tokens = estimated(question.messages) + room;
            let booking = self.admitted(tokens).await;
            let price = self.price(tokens - room, room).unwrap_or(0.0);
            let reserved = self.reserved(price).await.map_err(Failure::Fault)?;
            let came = match tokio::time::timeout(seconds(self.remote.timeout), self.send(&body)).await {
                Ok(came) => came,
                Err(_) => Came::Broken { why: format!("no answer within {} s", self.remote.timeout), busy: true },
            };
            drop(reserved);
            let wait = match came {
                Came::Answer(answer) => {
                    self.answered.set(true);
                    self.waits.replace(None);
                    self.limits.borrow_mut().correct(booking, answer.read + answer.written);
                    self.spent.set(self.spent.get() + self.price(answer.read, answer.written).unwrap_or(0.0));
                    return Ok(answer);
                }
                Came::Fatal(why) => return Err(Failure::Fault(Fault::Judge(self.shown(&why)))),
                Came::Refused(told) => match dialect.simpler(&told) {
                    Some(simpler) => {
                        // Another question may have learnt the same meanwhile.
                        if *self.dialect.borrow() == dialect {
                            self.dialect.replace(simpler);
                        }
                        continue;
                    }
                    None => return Err(Failure::Void { why: self.shown(&told), silent: false }),
                },
                Came::Broken { why, busy } => {
                    self.slower_if(busy);
                    away_since = None;
                    broken += 1;
                    if broken > self.remote.retries {
                        return Err(Failure::Void { why: self.shown(&why), silent: true });
                    }
                    self.waits.replace(Some(format!("{}; it is asked again", self.shown(&why))));
                    self.pace.backoff(broken - 1, question.draw)
                }
                Came::Away { why, after, busy } => {
                    self.slower_if(busy);
                    let since = *away_since.get_or_insert_with(Instant::now);
                    let patience =
                        if self.answered.get() || busy { self.pace.patience } else { self.pace.first_patience };
                    let wait = after.unwrap_or_else(|| self.pace.backoff(waits, question.draw));
                    waits += 1;
                    if since.elapsed() + wait > patience {
                        return Err(Failure::Fault(self.gone(&why, after)));
                    }
                    let most = patience.as_secs();
                    self.waits.replace(Some(format!("{}; it is waited for, {most} s at most", self.shown(&why))));
                    wait
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    fn slower_if(&self, busy: bool) {
        if busy {
            self.lanes.set((self.lanes.get() / 2).max(1));
        }
    }

    /// Waits until the minute has room.
    async fn admitted(&self, tokens: u64) -> u64 {
        loop {
            let admitted = self.limits.borrow_mut().admit(Instant::now(), tokens);
            match admitted {
                Ok(booking) => return booking,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Sets money aside for a request. Where the ceiling is near, it waits for what the requests on their way really cost; where it
    /// is reached, it says so.
    async fn reserved(&self, price: f64) -> Result<Reserved<'_>, Fault> {
        loop {
            let (spent, open) = (self.spent.get(), self.open.get());
            match self.remote.ceiling {
                Some(ceiling) if spent + open + price > ceiling && open > 0.0 => {
                    tokio::time::sleep(self.pace.glance).await;
                }
                Some(ceiling) if spent + price > ceiling => {
                    return Err(Fault::Ceiling(format!(
                        "the judge at {} has cost {spent:.4} usd of {ceiling} usd, and the next request could go over",
                        self.place
                    )));
                }
                _ => {
                    self.open.set(open + price);
                    return Ok(Reserved(self, price));
                }
            }
        }
    }

    async fn send(&self, body: &Value) -> Came {
        let mut request = self.http.post(&self.url).json(body);
        if let Some(auth) = &self.auth {
            request = request.header(AUTHORIZATION, auth.clone());
        }
        match request.send().await {
            Ok(response) => self.heard(response).await,
            Err(why) => self.unsent(&why),
        }
    }

    fn unsent(&self, why: &reqwest::Error) -> Came {
        let told = deepest(why);
        if let Some(tls) = find::<rustls::Error>(why) {
            let what = match tls {
                rustls::Error::InvalidCertificate(_) => format!("its certificate does not verify ({tls})"),
                _ => format!("TLS cannot be spoken with it ({tls})"),
            };
            return Came::Fatal(format!(
                "{what}, so nothing was sent; mend the server's certificate, or let this system trust who issued it"
            ));
        }
        if why.is_connect() || why.is_timeout() {
            return Came::Away { why: told, after: None, busy: false };
        }
        Came::Broken { why: told, busy: false }
    }

    async fn heard(&self, mut response: Response) -> Came {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let after = header(RETRY_AFTER).and_then(|value| retry_after(value, header(DATE)));
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= LARGEST => bytes.extend_from_slice(&chunk),
                Ok(Some(_)) => return Came::Broken { why: "its answer is far too long".into(), busy: false },
                Ok(None) => break,
                Err(why) => {
                    return Came::Broken { why: format!("its answer ends early: {}", deepest(&why)), busy: false };
                }
            }
        }
        let json: Option<Value> = serde_json::from_slice(&bytes).ok();
        let told = format!("{status}: {}", words(json.as_ref(), &bytes));
        match status {
            StatusCode::OK => json.as_ref().and_then(answer).map_or_else(
                || Came::Broken {
                    why: format!("what it answers is no chat completion: {}", words(json.as_ref(), &bytes)),
                    busy: false,
                },
                |answer| Came::Answer(answer.or_estimated(&bytes)),
            ),
            StatusCode::TOO_MANY_REQUESTS if out_of_money(json.as_ref()) => Came::Fatal(told),
            StatusCode::TOO_MANY_REQUESTS => Came::Away { why: told, after, busy: true },
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => Came::Away { why: told, after, busy: true },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Came::Fatal(match &self.remote.secret {
                Some(variable) => format!("{told}; it does not accept the key in {variable}"),
                None => format!("{told}; it wants a key: declare a `secret` and give it to the judge as `auth`"),
            }),
            StatusCode::NOT_FOUND => Came::Fatal(format!(
                "{told}; it has no {} there, or no model {:?}",
                self.url.rsplit_once(&self.place).map_or("/chat/completions", |(_, path)| path),
                self.model
            )),
            status if status.is_redirection() => Came::Fatal(format!(
                "{status}: it sends elsewhere, and that is not followed; name the right URL in the judge"
            )),
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::NOT_IMPLEMENTED if blames_form(&told) => {
                Came::Refused(told)
            }
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Came::Broken { why: told, busy: false }
            }
            _ => Came::Refused(told),
        }
    }

    /// A server that is away for too long.
    fn gone(&self, why: &str, after: Option<Duration>) -> Fault {
        let why = self.shown(why);
        Fault::Judge(match after {
            Some(after) => format!("{why}; it asks to wait {} s, which is too long", after.as_secs()),
            None if self.answered.get() => {
                format!("{why}; it was waited for in vain; run again when it is back: what it answered is kept")
            }
            None => format!("{why}; start the server, or correct the judge's URL, then run again"),
        })
    }

    /// With the place, and without the secret, whoever repeats it.
    fn shown(&self, why: &str) -> String {
        let mut text = format!("{}: {why}", self.place);
        if let Some(secret) = self.secret.as_ref().map(Secret::reveal).filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "…");
        }
        text
    }
}

/// Money set aside while a request is open; dropped with it, also when it is interrupted.
struct Reserved<'a>(&'a Client, f64);

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        // Sums of the same numbers in another order may leave a crumb.
        let left = self.0.open.get() - self.1;
        self.0.open.set(if left < 1e-9 { 0.0 } else { left });
    }
}

impl Answer {
    /// Where a server counts no tokens, four bytes are one.
    fn or_estimated(mut self, bytes: &[u8]) -> Self {
        if self.read + self.written == 0 {
            self.written = bytes.len() as u64 / 4 + 1;
        }
        self
    }
}

fn seconds(of: f64) -> Duration {
    Duration::try_from_secs_f64(of).unwrap_or(Duration::from_secs(86_400))
}

/// About how many tokens a conversation is: three bytes one, which is more than most tokenizers need.
fn estimated(messages: &[Message]) -> u64 {
    messages.iter().map(|message| message.content.len() as u64 / 3 + 8).sum()
}

/// The text of a chat completion. A refusal is an answer too: one without a verdict.
fn answer(json: &Value) -> Option<Answer> {
    let message = json.get("choices")?.get(0)?.get("message")?;
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => message["refusal"].as_str().unwrap_or_default().to_owned(),
    };
    let count = |name: &str| json["usage"][name].as_u64().unwrap_or(0);
    Some(Answer { text, read: count("prompt_tokens"), written: count("completion_tokens") })
}

/// A 429 that waiting does not mend.
fn out_of_money(json: Option<&Value>) -> bool {
    json.is_some_and(|json| {
        json["error"]["code"] == "insufficient_quota" || json["error"]["type"] == "insufficient_quota"
    })
}

/// What a server says went wrong, in at most 300 characters.
fn words(json: Option<&Value>, bytes: &[u8]) -> String {
    let found = json.and_then(|json| {
        let said = [&json["error"]["message"], &json["message"], &json["error"], &json["detail"]];
        said.into_iter().find_map(|said| match said {
            Value::String(text) => Some(text.clone()),
            Value::Array(_) => Some(said.to_string()),
            _ => None,
        })
    });
    let text = found.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
    let one_line: Vec<&str> = text.split_whitespace().collect();
    let plain: String = one_line.join(" ").chars().filter(|character| !character.is_control()).take(300).collect();
    if plain.is_empty() { "without a word".to_owned() } else { plain }
}

/// The innermost cause, in its own words.
fn deepest(why: &dyn Error) -> String {
    let mut at = why;
    while let Some(inner) = at.source() {
        at = inner;
    }
    at.to_string()
}

/// A cause of this type, also inside an `io::Error`.
fn find<'a, E: Error + 'static>(why: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut at = Some(why);
    while let Some(cause) = at {
        if let Some(found) = cause.downcast_ref::<E>() {
            return Some(found);
        }
        let inside = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = inside.and_then(|inner| find::<E>(inner)) {
            return Some(found);
        }
        at = cause.source();
    }
    None
}
