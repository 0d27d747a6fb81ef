//! How fast, how long and how often: waiting times, and the requests and tokens of a minute. The clock decides when something is sent,
//! never what comes of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mascot_run::remote::Remote;

/// Waiting times; other than [`Pace::default`] only in tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Before the first request is sent again; doubled each time.
    pub first: Duration,
    /// No wait is longer, unless the server asks for it.
    pub most: Duration,
    /// How long a server may be away (unplugged, restarted, too busy) that has answered before.
    pub patience: Duration,
    /// The same of one that never answered: it was probably not started.
    pub first_patience: Duration,
    /// What a minute of `requests_per_minute` is.
    pub minute: Duration,
    /// How often it is looked whether the user wants to stop.
    pub glance: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            most: Duration::from_secs(5),
            patience: Duration::from_secs(600),
            first_patience: Duration::from_secs(30),
            minute: Duration::from_secs(60),
            glance: Duration::from_millis(100),
        }
    }
}

impl Pace {
    /// The wait before try `n` (from 0): exponential, with a spread by `draw` so that requests that failed together do not come back
    /// together.
    pub fn backoff(&self, n: u32, draw: u64) -> Duration {
        let plain = self.first.saturating_mul(1 << n.min(16)).min(self.most);
        plain.mul_f64(0.75 + 0.5 * ((draw.wrapping_add(u64::from(n)) % 64) as f64 / 64.0))
    }
}

/// Requests and tokens of the last minute.
#[derive(Debug)]
pub struct Limits {
    requests: Option<u32>,
    tokens: Option<u64>,
    minute: Duration,
    /// When, how many tokens, and a number to correct them by.
    sent: VecDeque<(Instant, u64, u64)>,
    next: u64,
}

impl Limits {
    pub fn new(remote: &Remote, minute: Duration) -> Self {
        Self {
            requests: remote.requests_per_minute,
            tokens: remote.tokens_per_minute,
            minute,
            sent: VecDeque::new(),
            next: 0,
        }
    }

    /// Books a request of about so many tokens; a single one that is larger than the limit is let through alone.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn admit(&mut self, now: Instant, tokens: u64) -> Result<u64, Duration> {
        while self.sent.front().is_some_and(|(at, ..)| now.saturating_duration_since(*at) >= self.minute) {
            self.sent.pop_front();
        }
        let booked: u64 = self.sent.iter().map(|(_, tokens, _)| tokens).sum();
        let full = self.requests.is_some_and(|most| self.sent.len() >= most as usize)
            || self.tokens.is_some_and(|most| booked + tokens > most);
        if let (true, Some((oldest, ..))) = (full, self.sent.front()) {
            return Err((*oldest + self.minute).saturating_duration_since(now).max(Duration::from_millis(1)));
        }
        self.next += 1;
        self.sent.push_back((now, tokens, self.next));
        Ok(self.next)
    }

    /// What it really took.
    pub fn correct(&mut self, booking: u64, tokens: u64) {
        if let Some(entry) = self.sent.iter_mut().find(|(.., number)| *number == booking) {
            entry.1 = tokens;
        }
    }
}

/// Seconds of a `Retry-After` header: a number, or a date in the one form that HTTP still sends (`Wed, 21 Oct 2015 07:28:00 GMT`)
/// against the server's own `Date`, so that no clock of ours is asked.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<f64>() {
        return (0.0..1e9).contains(&seconds).then(|| Duration::from_secs_f64(seconds));
    }
    let (then, now) = (seconds_of(value)?, seconds_of(date?)?);
    Some(Duration::from_secs(then.saturating_sub(now)))
}

/// Seconds since the year 0, near enough to subtract.
fn seconds_of(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = date.trim().split(' ').skip(1);
    let day: u64 = words.next()?.parse().ok()?;
    let word = words.next()?;
    let month = MONTHS.iter().position(|month| *month == word)? as u64;
    let year: u64 = words.next()?.parse().ok()?;
    let clock: Vec<u64> = words.next()?.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = clock[..] else { return None };
    // Days of a civil date (Hinnant): the year begins in March.
    let (y, m) = if month < 2 { (year.checked_sub(1)?, month + 10) } else { (year, month - 2) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let pace = Pace::default();
        for draw in 0..64 {
            let waits: Vec<f64> = (0..20).map(|n| pace.backoff(n, draw).as_secs_f64()).collect();
            assert!((0.375..0.625).contains(&waits[0]) && waits[3] > 2.0, "{waits:?}");
            assert!(waits.iter().all(|wait| *wait <= 6.25));
        }
        assert_ne!(pace.backoff(1, 3), pace.backoff(1, 40));
    }

    #[test]
    fn a_minute_holds_so_many_requests_and_tokens() {
        let remote = |requests, tokens| Remote {
            url: String::new(),
            secret: None,
            timeout: 1.0,
            retries: 0,
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            ceiling: None,
            input_price: None,
            output_price: None,
            most_void: 0.2,
        };
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        let mut limits = Limits::new(&remote(Some(2), None), minute);
        assert!(limits.admit(now, 1).is_ok() && limits.admit(now + minute / 2, 1).is_ok());
        assert_eq!(limits.admit(now + minute / 2, 1), Err(minute / 2));
        assert!(limits.admit(now + minute, 1).is_ok());

        let mut limits = Limits::new(&remote(None, Some(100)), minute);
        let first = limits.admit(now, 500).unwrap();
        assert!(limits.admit(now, 1).is_err(), "one that is too large goes alone");
        limits.correct(first, 60);
        assert!(limits.admit(now, 40).is_ok() && limits.admit(now, 1).is_err());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("7", None), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("0.5", None), Some(Duration::from_millis(500)));
        let date = "Sat, 28 Feb 2026 23:59:30 GMT";
        assert_eq!(retry_after("Sun, 01 Mar 2026 00:00:10 GMT", Some(date)), Some(Duration::from_secs(40)));
        assert_eq!(
            retry_after("Thu, 01 Jan 2026 00:00:05 GMT", Some("Wed, 31 Dec 2025 23:59:55 GMT")),
            Some(Duration::from_secs(10))
        );
        assert_eq!(retry_after(date, Some(date)), Some(Duration::ZERO));
        for odd in ["", "soon", "-3", "inf", "Sat, 99"] {
            assert_eq!(retry_after(odd, Some(date)), None, "{odd}");
        }
    }
}
