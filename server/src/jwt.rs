//! Tokens of a trusted issuer: JSON Web Tokens, checked against the keys that the issuer publishes.
//!
//! A company's login service says who somebody is; the catalog says what they may do. The token's name claim names a
//! user of the catalog. Only signatures with a public key are taken, by the key's own algorithm: never `none`, never a
//! shared secret. Issuer, audience and end must be there and fit. Keys come from a file or an `https` address and are
//! read again every ten minutes, and sooner when a token names a key that is not known, at most every half minute.
//!
//! ```text
//! {"alg":"RS256","kid":"1"} . {"iss":"https://login.example.com","aud":"pareto","exp":1767225600,"sub":"ada"} . signature
//! ```

mod key;

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use self::key::{Algorithm, Key};
use crate::token::now;

/// Clocks may differ by this, in seconds.
const LEEWAY: u64 = 60;
/// No token is longer, in bytes.
const LONGEST: usize = 16 * 1_024;
/// No document of keys is longer, in bytes.
const LONGEST_KEYS: usize = 1 << 20;
/// Keys are read again after this,
const FRESH_FOR: Duration = Duration::from_secs(600);
/// and after this when one is missing.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long the issuer may take to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Whose tokens are taken, and how they are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerOptions {
    /// The keys (a JWKS document): a file, or an `https` address.
    pub keys: String,
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be or hold.
    pub audience: String,
    /// The claim that names the user.
    pub claim: String,
}

/// A trusted issuer with its keys.
pub(crate) struct Issuer {
    options: IssuerOptions,
    keys: Mutex<Option<(Instant, Vec<Key>)>>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("options", &self.options).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

impl Issuer {
    pub(crate) fn new(options: IssuerOptions) -> Self {
        Self { options, keys: Mutex::new(None) }
    }

    /// Reads the keys for the first time.
    pub(crate) async fn open(options: IssuerOptions) -> Result<Self, String> {
        let issuer = Self::new(options);
        let keys = issuer.fetch().await?;
        *issuer.keys.lock().await = Some((Instant::now(), keys));
        Ok(issuer)
    }

    /// The user that a token names, or what is wrong with it.
    pub(crate) async fn user(&self, token: &str) -> Result<String, String> {
        if token.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let malformed = || "it is not a JSON Web Token".to_owned();
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
        let algorithm = Algorithm::named(&header.alg)
            .ok_or_else(|| format!("its algorithm {:?} is not taken", header.alg))?;
        let signature = decode(signature)?;
        if !self.signed(signed, &signature, algorithm, header.kid.as_deref()).await? {
            return Err("its signature is not the issuer's".to_owned());
        }
        // Nothing that it says counts before here.
        let claims: Map<String, Value> =
            serde_json::from_slice(&decode(claims)?).map_err(|_| malformed())?;
        self.read(&claims, now())
    }

    /// Whether one of the issuer's keys made this signature.
    async fn signed(
        &self,
        signed: &str,
        signature: &[u8],
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<bool, String> {
        let mut kept = self.keys.lock().await;
        let age = kept.as_ref().map(|(read, _)| read.elapsed());
        let known = kept.as_ref().is_some_and(|(_, keys)| keys.iter().any(|key| key.is(kid)));
        let stale = age.is_none_or(|age| age > FRESH_FOR || (!known && age > RETRY_AFTER));
        if stale {
            match self.fetch().await {
                Ok(keys) => *kept = Some((Instant::now(), keys)),
                // Keys that were good a while ago are better than nobody getting in.
                Err(reason) if kept.is_some() => {
                    tracing::warn!(reason, "the issuer's keys could not be read again");
                    if let Some((read, _)) = kept.as_mut() {
                        *read = Instant::now();
                    }
                }
                Err(reason) => return Err(reason),
            }
        }
        let keys = kept.as_ref().map(|(_, keys)| keys.as_slice()).unwrap_or_default();
        Ok(keys
            .iter()
            .filter(|key| key.is(kid))
            .any(|key| key.verify(algorithm, signed.as_bytes(), signature)))
    }

    fn read(&self, claims: &Map<String, Value>, now: u64) -> Result<String, String> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let time = |name: &str| claims.get(name).and_then(Value::as_f64);
        if text("iss") != Some(self.options.issuer.as_str()) {
            return Err("it is of another issuer".to_owned());
        }
        let audience = Value::from(self.options.audience.as_str());
        let ours = match claims.get("aud") {
            Some(Value::Array(list)) => list.contains(&audience),
            Some(one) => *one == audience,
            None => false,
        };
        if !ours {
            return Err("it is for another audience".to_owned());
        }
        let seconds = |time: u64| Duration::from_secs(time).as_secs_f64();
        let expires = time("exp").ok_or("it never ends")?;
        if expires + seconds(LEEWAY) <= seconds(now) {
            return Err("its time is over".to_owned());
        }
        if time("nbf").is_some_and(|begins| begins > seconds(now + LEEWAY)) {
            return Err("its time has not begun".to_owned());
        }
        let claim = &self.options.claim;
        let user = text(claim).filter(|user| !user.is_empty());
        user.map(str::to_owned).ok_or_else(|| format!("it has no claim \"{claim}\" with a name"))
    }

    /// The keys as the issuer publishes them now.
    async fn fetch(&self) -> Result<Vec<Key>, String> {
        let place = &self.options.keys;
        let failed =
            |reason: &dyn fmt::Display| format!("cannot read the keys at {place}: {reason}");
        let bytes = if place.contains("://") {
            download(place).await.map_err(|reason| failed(&reason))?
        } else {
            tokio::fs::read(Path::new(place)).await.map_err(|error| failed(&error))?
        };
        let keys = key::read(&bytes).map_err(|reason| failed(&reason))?;
        if keys.is_empty() { Err(failed(&"there is none that can be used")) } else { Ok(keys) }
    }
}

async fn download(url: &str) -> Result<Vec<u8>, String> {
    let said = |error: reqwest::Error| error.without_url().to_string();
    let client = reqwest::Client::builder()
        .https_only(true)
        .timeout(FETCH_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(said)?;
    let answer = client.get(url).send().await.map_err(said)?;
    let mut answer = answer.error_for_status().map_err(said)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_KEYS {
            return Err(format!("they are longer than {LONGEST_KEYS} bytes"));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::key::tests::Signing;
    use super::*;

    fn options(keys: &Path) -> IssuerOptions {
        IssuerOptions {
            keys: keys.display().to_string(),
            issuer: "https://login.example.com".to_owned(),
            audience: "pareto".to_owned(),
            claim: "sub".to_owned(),
        }
    }

    fn claims(expires: u64) -> Value {
        serde_json::json!({
            "iss": "https://login.example.com", "aud": ["other", "pareto"], "exp": expires, "sub": "ada"
        })
    }

    async fn check(edit: impl Fn(&mut Value)) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let signing = Signing::new("1");
        std::fs::write(&path, signing.jwks()).unwrap();
        let issuer = Issuer::open(options(&path)).await.unwrap();
        let mut claims = claims(now() + 60);
        edit(&mut claims);
        issuer.user(&signing.token(&claims)).await
    }

    #[tokio::test]
    async fn a_token_that_fits_names_its_user() {
        assert_eq!(check(|_| {}).await.unwrap(), "ada");
        assert_eq!(check(|claims| claims["aud"] = "pareto".into()).await.unwrap(), "ada");
        for (name, value) in [
            ("iss", Value::from("https://elsewhere.example.com")),
            ("aud", Value::from("other")),
            ("aud", Value::Null),
            ("exp", Value::from(now() - 120)),
            ("exp", Value::Null),
            ("exp", Value::from("tomorrow")),
            ("nbf", Value::from(now() + 600)),
            ("sub", Value::Null),
            ("sub", Value::from("")),
        ] {
            let refused = check(|claims| claims[name] = value.clone()).await;
            assert!(refused.is_err(), "{name} = {value}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn only_the_issuer_s_keys_sign() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let (signing, stranger) = (Signing::new("1"), Signing::new("1"));
        std::fs::write(&path, signing.jwks()).unwrap();
        let issuer = Issuer::open(options(&path)).await.unwrap();
        let claims = claims(now() + 60);
        assert!(issuer.user(&stranger.token(&claims)).await.is_err());
        let token = signing.token(&claims);
        let (_, rest) = token.split_once('.').unwrap();
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        // No algorithm, a shared secret, another algorithm than the key's: none is tried.
        for header in
            ["{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}", "{}", "x"]
        {
            let forged = format!("{}.{rest}", part(header));
            assert!(issuer.user(&forged).await.is_err(), "{header}");
        }
        let unsigned = token.rsplit_once('.').unwrap().0;
        for text in [format!("{unsigned}."), unsigned.to_owned(), "..".to_owned(), String::new()] {
            assert!(issuer.user(&text).await.is_err(), "{text}");
        }
        assert_eq!(issuer.user(&token).await.unwrap(), "ada");
        let http = IssuerOptions { keys: "http://127.0.0.1:1/keys".to_owned(), ..options(&path) };
        assert!(Issuer::open(http).await.is_err(), "only https");
    }
}
