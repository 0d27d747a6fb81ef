//! An archive over HTTP: its digest is known, its size bounded, and it comes from the host that was written or from one that was granted.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use mascot_run::digest::sha256_of;
use mascot_run::remote::Address;
use ureq::tls::{RootCerts, TlsConfig};

/// Of an archive as it is sent.
const MOST_SENT: u64 = 64 << 20;

const MOST_REDIRECTS: usize = 5;

/// Fetches `url` and holds it against its digest.
///
/// # Errors
/// In words, with what to do.
pub fn archive(url: &str, sha256: &str, granted: &[String]) -> Result<Vec<u8>, String> {
    let agent = agent();
    let first = Address::of(url)?;
    let mut url = url.to_owned();
    for _ in 0..=MOST_REDIRECTS {
        let response = agent
            .get(&url)
            .call()
            .map_err(|why| format!("{}: {why}", Address::of(&url).map_or(url.clone(), |at| at.to_string())))?;
        let status = response.status().as_u16();
        match status {
            200 => {
                let bytes = body(response)?;
                let found = sha256_of(&bytes);
                return if found == sha256 {
                    Ok(bytes)
                } else {
                    Err(format!("what came is sha256:{found}, and the address says another digest"))
                };
            }
            301 | 302 | 303 | 307 | 308 => {
                let to = response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
                url = redirected(&url, to, &first, granted)?;
            }
            status => return Err(format!("{first} answers {status}")),
        }
    }
    Err(format!("{first} sends from one place to the next without end"))
}

/// Where a redirect leads, if one may go there.
fn redirected(from: &str, to: &str, first: &Address, granted: &[String]) -> Result<String, String> {
    let next = if to.starts_with('/') && !to.starts_with("//") {
        let after = from.find("://").map_or(0, |at| at + 3);
        let host = from[after..].find('/').map_or(from.len(), |at| after + at);
        format!("{}{to}", &from[..host])
    } else {
        to.to_owned()
    };
    if from.starts_with("https://") && !next.starts_with("https://") {
        return Err(format!("{first} sends on to a place without encryption"));
    }
    // What follows `?` may open a door: it is sent on, and not printed.
    let bare = next.split('?').next().unwrap_or_default();
    let address = Address::of(bare).map_err(|why| format!("{first} sends on to no address: {why}"))?;
    let is_granted =
        granted.iter().any(|grant| [address.host.clone(), address.to_string()].contains(&grant.to_ascii_lowercase()));
    if address == *first || is_granted {
        Ok(next)
    } else {
        Err(format!("{first} sends on to {address}: --allow 'net(\"{address}\")' grants it"))
    }
}

fn body(response: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = response.into_body().into_reader().take(MOST_SENT + 1).read_to_end(&mut bytes);
    read.map_err(|why| format!("it broke off: {why}"))?;
    if bytes.len() as u64 > MOST_SENT { Err("it is larger than 64 MiB".to_owned()) } else { Ok(bytes) }
}

fn agent() -> ureq::Agent {
    // Named, because another part of the binary may have brought another: then there is no default to take.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .accept_encoding("identity")
        .user_agent(concat!("mascot/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_global(Some(Duration::from_secs(300)))
        .build();
    ureq::Agent::new_with_config(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_with_its_host_or_goes_where_it_may() {
        let first = Address::of("https://example.org/a").unwrap();
        let to = |to: &str, granted: &[&str]| {
            let granted: Vec<String> = granted.iter().map(|one| (*one).to_owned()).collect();
            redirected("https://example.org/a/x.zip", to, &first, &granted)
        };
        assert_eq!(to("/b/x.zip", &[]).unwrap(), "https://example.org/b/x.zip");
        assert_eq!(to("https://example.org/c?key=1", &[]).unwrap(), "https://example.org/c?key=1");
        assert!(to("https://files.example.net/x", &[]).unwrap_err().contains("net(\"files.example.net:443\")"));
        assert!(to("https://files.example.net/x", &["files.example.net:443"]).is_ok());
        assert!(to("http://example.org/x", &[]).unwrap_err().contains("without encryption"));
        assert!(to("//evil.example/x", &[]).is_err());
        assert!(to("file:///etc/passwd", &[]).is_err());
        assert!(!to("https://me:s3cr3t@files.example.net/x", &[]).unwrap_err().contains("s3cr3t"));
    }
}
