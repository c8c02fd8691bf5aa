//! Who may connect, and as whom we do: the security settings of arguments and file, settled and checked together.
//!
//! Settings that only make sense together are refused apart: a certificate without its key, a user without a server
//! that could know them, keys of an issuer without the issuer.
//!
//! Example: `pareto serve --tls-cert cert.pem` is refused with "give --tls-key as well".

use std::path::PathBuf;
use std::time::Duration;

use super::args::{SecurityArguments, SqlArguments};
use super::config::ConfigFile;
use super::error::{CliError, Result};
use crate::remote::{Credentials, Secret};
use crate::security::{IssuerOptions, Security, TlsFiles};

/// The claim that names the user when nobody says.
const DEFAULT_CLAIM: &str = "sub";

/// Who may connect, flag over file.
pub(super) fn security(arguments: &SecurityArguments, file: &ConfigFile) -> Result<Security> {
    let cert = arguments.tls_cert.clone().or_else(|| file.tls_cert.clone());
    let key = arguments.tls_key.clone().or_else(|| file.tls_key.clone());
    let client_ca = arguments.tls_client_ca.clone().or_else(|| file.tls_client_ca.clone());
    let tls = match (pair(cert, key)?, client_ca) {
        (Some((cert, key)), client_ca) => Some(TlsFiles { cert, key, client_ca }),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(CliError::usage(
                "--tls-client-ca needs TLS",
                "give --tls-cert and --tls-key as well",
            ));
        }
    };
    let minutes = arguments.token_minutes.or(file.token_minutes);
    if minutes == Some(0) {
        return Err(CliError::usage("--token-minutes is 0", "give it at least 1, or leave it out"));
    }
    Ok(Security {
        tls,
        insecure: arguments.insecure.or(file.insecure).unwrap_or(false),
        token_key: arguments.token_key.clone().or_else(|| file.token_key.clone()),
        token_lifetime: minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))),
        issuer: issuer(arguments, file)?,
        ..Security::default()
    })
}

fn issuer(arguments: &SecurityArguments, file: &ConfigFile) -> Result<Option<IssuerOptions>> {
    let either = |flag: &Option<String>, key: &Option<String>| flag.clone().or_else(|| key.clone());
    let keys = either(&arguments.jwt_keys, &file.jwt_keys);
    let issuer = either(&arguments.jwt_issuer, &file.jwt_issuer);
    let audience = either(&arguments.jwt_audience, &file.jwt_audience);
    let claim = either(&arguments.jwt_claim, &file.jwt_claim);
    match (keys, issuer, audience) {
        (Some(keys), Some(issuer), Some(audience)) => {
            let claim = claim.unwrap_or_else(|| DEFAULT_CLAIM.to_owned());
            Ok(Some(IssuerOptions { keys, issuer, audience, claim }))
        }
        (None, None, None) if claim.is_none() => Ok(None),
        _ => Err(CliError::usage(
            "tokens of another issuer are taken with its keys, its name and our own alone",
            "give --jwt-keys, --jwt-issuer and --jwt-audience together",
        )),
    }
}

/// As whom `pareto sql` connects, flag over file.
pub(super) fn credentials(arguments: &SqlArguments, file: &ConfigFile) -> Result<Credentials> {
    let secret = |flag: &Option<String>, key: &Option<Secret>| {
        flag.clone().map(Secret::from).or_else(|| key.clone())
    };
    let cert = arguments.tls_cert.clone().or_else(|| file.tls_cert.clone());
    let key = arguments.tls_key.clone().or_else(|| file.tls_key.clone());
    let credentials = Credentials {
        user: arguments.user.clone().or_else(|| file.user.clone()),
        password: secret(&arguments.password, &file.password),
        token: secret(&arguments.token, &file.token),
        ca: arguments.tls_ca.clone().or_else(|| file.tls_ca.clone()),
        identity: pair(cert, key)?,
    };
    if credentials.user.is_none() && credentials.password.is_some() {
        return Err(CliError::usage("a password is given and no user", "give --user as well"));
    }
    Ok(credentials)
}

/// A certificate and its key, or neither.
fn pair(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<(PathBuf, PathBuf)>> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(CliError::usage(
            "--tls-cert names a certificate without its key",
            "give --tls-key as well",
        )),
        (None, Some(_)) => Err(CliError::usage(
            "--tls-key names a key without its certificate",
            "give --tls-cert as well",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(text: &str) -> ConfigFile {
        ConfigFile::parse(text, Path::new("pareto.toml")).unwrap()
    }

    #[test]
    fn what_belongs_together_is_given_together() {
        let check = |text: &str| {
            security(&SecurityArguments::default(), &file(text)).map_err(|error| error.to_string())
        };
        assert_eq!(check("").unwrap(), Security::default());
        assert!(check("tls_cert = 'c'").unwrap_err().contains("--tls-key"));
        assert!(check("tls_key = 'k'").unwrap_err().contains("--tls-cert"));
        assert!(check("tls_client_ca = 'a'").unwrap_err().contains("--tls-cert"));
        assert!(check("jwt_keys = 'k'").unwrap_err().contains("--jwt-issuer"));
        assert!(check("jwt_claim = 'email'").unwrap_err().contains("--jwt-keys"));
        assert!(check("token_minutes = 0").is_err());
        let issuer = check("jwt_keys = 'k'\njwt_issuer = 'i'\njwt_audience = 'a'").unwrap().issuer;
        assert_eq!(issuer.unwrap().claim, "sub");
    }

    #[test]
    fn a_flag_beats_the_file() {
        let arguments = SqlArguments { user: Some("ada".to_owned()), ..SqlArguments::default() };
        let settled = credentials(&arguments, &file("user = 'bob'\npassword = 'horse'")).unwrap();
        assert_eq!(settled.user.as_deref(), Some("ada"));
        assert_eq!(settled.password, Some(Secret::from("horse".to_owned())));
        let nobody = credentials(&SqlArguments::default(), &file("password = 'horse'"));
        assert!(nobody.unwrap_err().to_string().contains("--user"));
    }
}
