//! Workload identity federation: authenticating with another issuer's token instead of a secret.
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use super::assertion::Assertion;
use super::error::OAuthError;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::state::FederatedCredential;
use crate::tokens::Claims;

/// How long an issuer's keys are cached. If a token names an unknown key, the keys are fetched again immediately.
const CACHE_KEYS_FOR: Duration = Duration::from_mins(5);

/// How long an issuer may take to respond.
const TIMEOUT: Duration = Duration::from_secs(10);

const SEE: &str = "Check your federated identity credential Subject, Audience and Issuer against the presented \
                   assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/// Fetches and caches the keys of issuers.
pub struct Issuers {
    azure: Azure,
    keys: Mutex<HashMap<String, (Instant, JwkSet)>>,
    authority: Certificate,
}

/// The part of an issuer's discovery document that is used.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuers {
    /// Creates an empty cache. It trusts the system's roots and, for issuers on this machine, this Azure's authority.
    pub fn new(azure: &Azure) -> Result<Self> {
        let file = azure.authority().file();
        let pem = fs::read(&file).map_err(Error::file(&file))?;
        let authority = Certificate::from_pem(&pem);
        Ok(Self {
            azure: azure.clone(),
            keys: Mutex::default(),
            authority: authority.map_err(|error| Error::failed("the certificate authority", error))?,
        })
    }

    /// Checks that one of these credentials trusts the assertion. Keys are fetched only from an issuer that one of
    /// these credentials names.
    pub async fn check(&self, assertion: &Assertion<'_>, trusted: &[FederatedCredential]) -> Result<(), OAuthError> {
        check_trust(assertion, trusted)?;
        assertion.check_time()?;
        let not_signed = |reason: &str| {
            let text = format!("Client assertion failed signature validation. [Reason - {reason}]");
            OAuthError::client(700_027, text)
        };
        if assertion.header.alg != Algorithm::RS256 {
            return Err(not_signed("Only tokens signed with RS256 are supported."));
        }
        let issuer = &assertion.claims.iss;
        if *issuer == self.azure.federation_issuer() {
            let opened = self.azure.keys().open_token::<Claims>(assertion.token);
            let claims = opened.map_err(|why| not_signed(&format!("{why}.")))?;
            // Of its own tokens, Entra accepts only those of managed identities.
            return claims.xms_mirid.map(drop).ok_or_else(|| {
                let text = "AAD-issued tokens may not be used for federated identity flows.";
                OAuthError::client(700_222, text)
            });
        }
        let not_found = || not_signed("The key was not found.");
        let kid = assertion.header.kid.as_deref().ok_or_else(not_found)?;
        let key = self.key(issuer, kid).await.map_err(|why| {
            tracing::warn!(%issuer, "cannot fetch the issuer's keys: {why}");
            let text = format!("Request to External OIDC endpoint failed. Issuer: '{issuer}'.");
            OAuthError::request("invalid_request", 90061, text)
        })?;
        if assertion.is_signed_by(&key.ok_or_else(not_found)?, Algorithm::RS256) {
            Ok(())
        } else {
            Err(not_signed(
                "The provided signature value did not match the expected signature value.",
            ))
        }
    }

    /// The issuer's key with that id, if it has one.
    async fn key(&self, issuer: &str, kid: &str) -> Result<Option<DecodingKey>, String> {
        let find = |keys: &JwkSet| keys.find(kid).and_then(|key| DecodingKey::from_jwk(key).ok());
        let known = {
            let keys = self.keys.lock().expect("no thread panics while holding the lock");
            keys.get(issuer)
                .filter(|(since, _)| since.elapsed() < CACHE_KEYS_FOR)
                .and_then(|(_, keys)| find(keys))
        };
        if known.is_some() {
            return Ok(known);
        }
        let keys = self.fetch(issuer).await?;
        let key = find(&keys);
        let entry = (Instant::now(), keys);
        self.keys
            .lock()
            .expect("no thread panics while holding the lock")
            .insert(issuer.to_owned(), entry);
        Ok(key)
    }

    async fn fetch(&self, issuer: &str) -> Result<JwkSet, String> {
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovery: Discovery = self.get(&address).await?;
        if discovery.issuer != issuer {
            return Err(format!("{address} names another issuer, {:?}", discovery.issuer));
        }
        self.get(&discovery.jwks_uri).await
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, String> {
        let url = Url::parse(address).map_err(|error| format!("{address}: {error}"))?;
        let mut client = Client::builder()
            .https_only(true)
            .redirect(Policy::none())
            .timeout(TIMEOUT)
            .tls_certs_merge([self.authority.clone()]);
        if is_loopback(&url) {
            // A proxy would connect to its own loopback address.
            client = client.no_proxy();
        }
        let answer = async { client.build()?.get(url).send().await?.error_for_status()?.json().await };
        answer.await.map_err(|error: reqwest::Error| with_causes(&error))
    }
}

/// Checks that a credential has exactly the assertion's issuer, audience and subject.
fn check_trust(assertion: &Assertion<'_>, trusted: &[FederatedCredential]) -> Result<(), OAuthError> {
    let claims = &assertion.claims;
    let rejected = |code, text: &str| Err(OAuthError::client(code, format!("{text} {SEE}")));
    let trusted: Vec<_> = trusted.iter().filter(|one| one.issuer == claims.iss).collect();
    if trusted.is_empty() {
        let text = "No matching federated identity record found for presented assertion issuer";
        return rejected(700_211, &format!("{text} '{}'.", claims.iss));
    }
    let trusted: Vec<_> = trusted
        .into_iter()
        .filter(|one| claims.audiences().contains(&one.audience))
        .collect();
    if trusted.is_empty() {
        let text = "No matching federated identity record found for presented assertion audience";
        return rejected(700_212, &format!("{text} '{}'.", claims.audiences().join(" ")));
    }
    if trusted.iter().any(|one| one.subject == claims.sub) {
        return Ok(());
    }
    let text = "No matching federated identity record found for presented assertion subject";
    if trusted.iter().any(|one| one.subject.eq_ignore_ascii_case(&claims.sub)) {
        let hint = "The subject matches with case-insensitive comparison, but not with case-sensitive comparison.";
        return rejected(7_002_138, &format!("{text} '{}'. {hint}", claims.sub));
    }
    rejected(700_213, &format!("{text} '{}'.", claims.sub))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::*;

    #[test]
    fn issuer_audience_and_subject_all_have_to_match() {
        let credential = |subject: &str, audience: &str| FederatedCredential {
            name: "ci".to_owned(),
            issuer: "https://issuer".to_owned(),
            subject: subject.to_owned(),
            audience: audience.to_owned(),
        };
        let trusted = [credential("repo:a", "api://x"), credential("repo:b", "api://y")];
        for (issuer, audience, subject, code) in [
            ("https://issuer", "api://x", "repo:a", None),
            ("https://issuer", "api://y", "repo:b", None),
            ("https://issuer/", "api://x", "repo:a", Some(700_211)),
            ("https://issuer", "api://z", "repo:a", Some(700_212)),
            ("https://issuer", "api://x", "repo:b", Some(700_213)),
            ("https://issuer", "api://x", "repo:A", Some(7_002_138)),
        ] {
            let claims = json!({"iss": issuer, "aud": audience, "sub": subject, "exp": 1});
            let key = EncodingKey::from_secret(b"any");
            let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
            let result = check_trust(&Assertion::read(&token).unwrap(), &trusted);
            assert_eq!(result.err().map(|error| error.code()), code);
        }
    }
}
