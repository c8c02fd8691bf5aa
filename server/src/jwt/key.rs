//! One public key of an issuer, as a JWKS document publishes it, and the one thing it can do.
//!
//! ```text
//! {"kty":"RSA","kid":"1","n":"..","e":"AQAB"}            RS256, RS384, RS512, PS256
//! {"kty":"EC","crv":"P-256","kid":"2","x":"..","y":".."}  ES256          "P-384": ES384
//! {"kty":"OKP","crv":"Ed25519","kid":"3","x":".."}        EdDSA
//! ```
//!
//! Keys of other kinds, and those that are not for signatures, are passed over: an issuer may publish them for others.

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// How a token is signed. What is not here is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// The algorithm of a header.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// A key that can check signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    kid: Option<String>,
    /// The only algorithm it is for, when it says so.
    only: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a document that can be used.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Key>, String> {
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| format!("this is no JWKS document: {error}"))?;
    Ok(document.keys.into_iter().filter_map(Written::key).collect())
}

impl Written {
    fn key(self) -> Option<Key> {
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        // One that is for an algorithm that is not taken is for nothing here.
        let only = match &self.alg {
            Some(name) => Some(Algorithm::named(name)?),
            None => None,
        };
        let part = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_ref()?).ok();
        let point = || Some([vec![4], part(&self.x)?, part(&self.y)?].concat());
        let material = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: part(&self.n)?, e: part(&self.e)? },
            ("EC", Some("P-256")) => Material::P256(point()?),
            ("EC", Some("P-384")) => Material::P384(point()?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(part(&self.x)?),
            _ => return None,
        };
        Some(Key { kid: self.kid, only, material })
    }
}

impl Key {
    /// Whether a token means this key. One that names none may mean any.
    pub(super) fn is(&self, kid: Option<&str>) -> bool {
        kid.is_none() || self.kid.as_deref() == kid
    }

    /// Whether this key made the signature, by an algorithm that it is for.
    pub(super) fn verify(&self, algorithm: Algorithm, signed: &[u8], made: &[u8]) -> bool {
        if self.only.is_some_and(|only| only != algorithm) {
            return false;
        }
        let rsa = |how: &'static signature::RsaParameters, n: &[u8], e: &[u8]| {
            RsaPublicKeyComponents { n, e }.verify(how, signed, made).is_ok()
        };
        let plain = |how: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(how, key).verify(signed, made).is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, Algorithm::Rs256) => {
                rsa(&signature::RSA_PKCS1_2048_8192_SHA256, n, e)
            }
            (Material::Rsa { n, e }, Algorithm::Rs384) => {
                rsa(&signature::RSA_PKCS1_2048_8192_SHA384, n, e)
            }
            (Material::Rsa { n, e }, Algorithm::Rs512) => {
                rsa(&signature::RSA_PKCS1_2048_8192_SHA512, n, e)
            }
            (Material::Rsa { n, e }, Algorithm::Ps256) => {
                rsa(&signature::RSA_PSS_2048_8192_SHA256, n, e)
            }
            (Material::P256(key), Algorithm::Es256) => {
                plain(&signature::ECDSA_P256_SHA256_FIXED, key)
            }
            (Material::P384(key), Algorithm::Es384) => {
                plain(&signature::ECDSA_P384_SHA384_FIXED, key)
            }
            (Material::Ed25519(key), Algorithm::EdDsa) => plain(&signature::ED25519, key),
            _ => false,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::Value;

    use super::*;

    /// An issuer's private key.
    pub(in super::super) struct Signing {
        kid: &'static str,
        pair: EcdsaKeyPair,
    }

    impl Signing {
        pub(in super::super) fn new(kid: &'static str) -> Self {
            Self { kid, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
        }

        pub(in super::super) fn jwks(&self) -> String {
            let point = self.pair.public_key().as_ref();
            let (x, y) = point[1..].split_at(32);
            let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let key = serde_json::json!(
                {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": part(x), "y": part(y)}
            );
            serde_json::json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}, key]}).to_string()
        }

        pub(in super::super) fn token(&self, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let header = serde_json::json!({"alg": "ES256", "kid": self.kid});
            let signed = format!("{}.{}", part(&header), part(claims));
            let made = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(made))
        }
    }

    /// The example of RFC 8037, appendix A.4: Ed25519 over a text.
    #[test]
    fn the_example_of_rfc_8037() {
        let document = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let keys = read(document).unwrap();
        let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let made = URL_SAFE_NO_PAD
            .decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
            .unwrap();
        assert!(keys[0].verify(Algorithm::EdDsa, signed, &made));
        assert!(!keys[0].verify(Algorithm::EdDsa, b"another", &made));
        assert!(!keys[0].verify(Algorithm::Es256, signed, &made));
    }

    #[test]
    fn keys_for_other_things_are_passed_over() {
        let count = |text: &str| read(text.as_bytes()).map(|keys| keys.len());
        assert_eq!(
            count(r#"{"keys":[{"kty":"oct","k":"x"},{"kty":"RSA","n":"AQ","e":"AQAB"}]}"#),
            Ok(1)
        );
        assert_eq!(count(r#"{"keys":[{"kty":"RSA","use":"enc","n":"AQ","e":"AQAB"}]}"#), Ok(0));
        assert_eq!(count(r#"{"keys":[{"kty":"RSA","alg":"HS256","n":"AQ","e":"AQAB"}]}"#), Ok(0));
        assert_eq!(count(r#"{"keys":[{"kty":"EC","crv":"P-256","x":"?","y":"AQ"}]}"#), Ok(0));
        assert!(count("[]").is_err());
    }
}
