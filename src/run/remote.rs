//! Judges far away: where they live, what opens them, and whether a run may reach them. All of it is `where`: none of it is in a key.
//!
//! Uses nothing else of this package. Absent: sockets (the engine's), and the environment (the cli's, which passes values in).

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An endpoint as a program declares it, and how it may be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// Up to `/v1`.
    pub url: String,
    /// The environment variable whose value opens it.
    pub secret: Option<String>,
    /// Seconds that one request may take, from its first byte to the answer's last.
    pub timeout: f64,
    /// How often a request that failed is sent again.
    pub retries: u32,
    pub requests_per_minute: Option<u32>,
    pub tokens_per_minute: Option<u64>,
    /// Most dollars that a run may spend on it.
    pub ceiling: Option<f64>,
    /// Dollars for a million tokens that it reads; `None` is unknown, never 0.
    pub input_price: Option<f64>,
    /// Dollars for a million tokens that it writes.
    pub output_price: Option<f64>,
    /// The share of verdicts that may be void, of 1.
    pub most_void: f64,
}

/// A [`Remote`] with what opens it. Not serialisable: a secret goes from its variable to a request's header and nowhere else.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub remote: Remote,
    pub auth: Option<Secret>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// For the header of a request.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

/// Values of the environment variables that a program names, as far as they are set.
pub type Secrets = BTreeMap<String, Secret>;

/// Who is talked to, of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name, an IPv4 address, or an IPv6 address in brackets; lower case.
    pub host: String,
    pub port: u16,
}

impl Address {
    /// Of `http://HOST[:PORT]/…` or `https://…`. Strict, so that what is granted here is what a client connects to: no user names, no
    /// escapes, no white space.
    ///
    /// # Errors
    /// In words: what is wrong with the URL. They do not repeat a password that stands in it.
    pub fn of(url: &str) -> Result<Self, String> {
        let (standard, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (443, rest)
        } else if let Some(rest) = url.strip_prefix("http://") {
            (80, rest)
        } else {
            return Err("it begins with neither `https://` nor `http://`".to_owned());
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            return Err("a user name or password has no place in it: use `auth` and a secret".to_owned());
        }
        if path.contains(['?', '#']) || !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err("after the host only a path may stand, without `?` and `#`".to_owned());
        }
        let (host, port) = match authority.rfind(':') {
            // The colons of an IPv6 address stand in brackets.
            Some(at) if !authority[at..].contains(']') => (&authority[..at], Some(&authority[at + 1..])),
            _ => (authority, None),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let six = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let known = match six {
            Some(six) => six.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(plain),
        };
        if !known {
            return Err(format!("`{host}` is no host"));
        }
        let port = match port {
            None => standard,
            Some(digits) => match digits.parse() {
                Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => port,
                _ => return Err(format!("`{digits}` is no port")),
            },
        };
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }

    /// This very machine: reached without a grant.
    pub fn is_loopback(&self) -> bool {
        let six = || self.host.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok_and(|host| host.is_loopback());
        self.host == "localhost" || self.host.parse::<Ipv4Addr>().is_ok_and(|host| host.is_loopback()) || six()
    }

    /// Whether one of these grants (`host:port`; a host alone grants every port of it) is for it.
    pub fn is_granted(&self, grants: &[String]) -> bool {
        let whole = self.to_string();
        self.is_loopback()
            || grants.iter().map(|grant| grant.to_ascii_lowercase()).any(|g| g == whole || g == self.host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_strictly() {
        for (url, address) in [
            ("https://api.example.org/v1", "api.example.org:443"),
            ("http://API.example.org", "api.example.org:80"),
            ("http://127.0.0.1:8000/v1/", "127.0.0.1:8000"),
            ("https://[::1]:8443/v1", "[::1]:8443"),
        ] {
            assert_eq!(Address::of(url).unwrap().to_string(), address, "{url}");
        }
        for url in [
            "api.example.org/v1",
            "ftp://api.example.org",
            "https://good.example@evil.example/v1",
            "https://good.example\\@evil.example/v1",
            "https:// good.example/v1",
            "https://good.example:/v1",
            "https://good.example:99999/v1",
            "https://good.example:+80/v1",
            "https:///v1",
            "https://[::1/v1",
            "https://good.example/v1?key=x",
            "https://good.example#/v1",
            "https://good%2eexample/v1",
        ] {
            assert!(Address::of(url).is_err(), "{url}");
        }
        assert!(!Address::of("https://me:s3cr3t@x/v1").unwrap_err().contains("s3cr3t"));
    }

    #[test]
    fn loopback_needs_no_grant_and_everything_else_does() {
        let granted = |url: &str, grants: &[&str]| {
            let grants: Vec<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
            Address::of(url).unwrap().is_granted(&grants)
        };
        assert!(granted("http://127.0.0.1:9/v1", &[]));
        assert!(granted("http://localhost:9/v1", &[]));
        assert!(granted("http://[::1]:9/v1", &[]));
        assert!(!granted("http://localhost.evil.example/v1", &[]));
        assert!(!granted("http://127.0.0.1.evil.example/v1", &[]));
        assert!(!granted("https://api.example.org/v1", &[]));
        assert!(granted("https://api.example.org/v1", &["api.example.org:443"]));
        assert!(granted("https://API.example.org/v1", &["Api.example.org"]));
        assert!(!granted("https://api.example.org:8443/v1", &["api.example.org:443"]));
        assert!(!granted("https://api.example.org.evil.example/v1", &["api.example.org"]));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let endpoint = Endpoint {
            remote: Remote {
                url: "https://x/v1".into(),
                secret: Some("KEY".into()),
                timeout: 60.0,
                retries: 4,
                requests_per_minute: None,
                tokens_per_minute: None,
                ceiling: None,
                input_price: None,
                output_price: None,
                most_void: 0.2,
            },
            auth: Some(Secret::new("s3cr3t")),
        };
        assert!(!format!("{endpoint:?}").contains("s3cr3t"));
        assert_eq!(endpoint.auth.unwrap().reveal(), "s3cr3t");
    }
}
