//! Workload identity federation: the token of another issuer in place of a secret.
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
use super::error::Refused;
use crate::state::{Azure, FederatedCredential};
use crate::{Error, Result};

/// How long an issuer's keys are kept. A key that is not among them is looked for anew at once.
const KEEP_KEYS: Duration = Duration::from_mins(5);

/// How long an issuer has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

const SEE: &str = "Check your federated identity credential Subject, Audience and Issuer against the presented \
                   assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/// The issuers that were asked for their keys.
pub struct Issuers {
    keys: Mutex<HashMap<String, (Instant, JwkSet)>>,
    authority: Certificate,
}

/// What counts of an issuer's discovery document.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuers {
    /// Trusts that authority beside those of the platform, for issuers on this machine.
    pub fn new(azure: &Azure) -> Result<Self> {
        let file = azure.authority().file();
        let pem = fs::read(&file).map_err(Error::file(&file))?;
        let authority = Certificate::from_pem(&pem);
        Ok(Self {
            keys: Mutex::default(),
            authority: authority.map_err(|error| Error::failed("the certificate authority", error))?,
        })
    }

    /// Whether the assertion is a token that one of these credentials trusts. Its issuer is asked for its keys only
    /// when it is named in one.
    pub async fn check(&self, assertion: &Assertion<'_>, trusted: &[FederatedCredential]) -> Result<(), Refused> {
        is_trusted(assertion, trusted)?;
        assertion.check_time()?;
        let not_signed = |reason: &str| {
            let text = format!("Client assertion failed signature validation. [Reason - {reason}]");
            Refused::client(700_027, text)
        };
        if assertion.header.alg != Algorithm::RS256 {
            return Err(not_signed("Tokens signed by the algorithm RS256 alone are supported."));
        }
        let issuer = &assertion.claims.iss;
        let not_found = || not_signed("The key was not found.");
        let kid = assertion.header.kid.as_deref().ok_or_else(not_found)?;
        let key = self.key(issuer, kid).await.map_err(|why| {
            tracing::warn!(%issuer, "no keys of the issuer: {why}");
            let text = format!("Request to External OIDC endpoint failed. Issuer: '{issuer}'.");
            Refused::request("invalid_request", 90061, text)
        })?;
        if assertion.is_signed_by(&key.ok_or_else(not_found)?, Algorithm::RS256) {
            Ok(())
        } else {
            Err(not_signed(
                "The provided signature value did not match the expected signature value.",
            ))
        }
    }

    /// The key of that name, if the issuer has it.
    async fn key(&self, issuer: &str, kid: &str) -> Result<Option<DecodingKey>, String> {
        let find = |keys: &JwkSet| keys.find(kid).and_then(|key| DecodingKey::from_jwk(key).ok());
        let known = {
            let keys = self.keys.lock().expect("nobody panics");
            keys.get(issuer)
                .filter(|(since, _)| since.elapsed() < KEEP_KEYS)
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
            .expect("nobody panics")
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
            .timeout(PATIENCE)
            .tls_certs_merge([self.authority.clone()]);
        if is_loopback(&url) {
            // A proxy would look for it on its own machine.
            client = client.no_proxy();
        }
        let answer = async { client.build()?.get(url).send().await?.error_for_status()?.json().await };
        answer.await.map_err(|error: reqwest::Error| with_causes(&error))
    }
}

/// Whether a credential names the assertion's issuer, audience and subject; all three to the letter.
fn is_trusted(assertion: &Assertion<'_>, trusted: &[FederatedCredential]) -> Result<(), Refused> {
    let claims = &assertion.claims;
    let refused = |code, text: &str| Err(Refused::client(code, format!("{text} {SEE}")));
    let trusted: Vec<_> = trusted.iter().filter(|one| one.issuer == claims.iss).collect();
    if trusted.is_empty() {
        let text = "No matching federated identity record found for presented assertion issuer";
        return refused(700_211, &format!("{text} '{}'.", claims.iss));
    }
    let trusted: Vec<_> = trusted
        .into_iter()
        .filter(|one| claims.audiences().contains(&one.audience))
        .collect();
    if trusted.is_empty() {
        let text = "No matching federated identity record found for presented assertion audience";
        return refused(700_212, &format!("{text} '{}'.", claims.audiences().join(" ")));
    }
    if trusted.iter().any(|one| one.subject == claims.sub) {
        return Ok(());
    }
    let text = "No matching federated identity record found for presented assertion subject";
    if trusted.iter().any(|one| one.subject.eq_ignore_ascii_case(&claims.sub)) {
        let hint = "The subject matches with case-insensitive comparison, but not with case-sensitive comparison.";
        return refused(7_002_138, &format!("{text} '{}'. {hint}", claims.sub));
    }
    refused(700_213, &format!("{text} '{}'.", claims.sub))
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
    fn issuer_audience_and_subject_all_have_to_fit() {
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
            let result = is_trusted(&Assertion::read(&token).unwrap(), &trusted);
            assert_eq!(result.err().map(|refused| refused.code()), code);
        }
    }
}
