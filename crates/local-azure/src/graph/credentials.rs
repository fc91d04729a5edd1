//! The secrets and certificates of applications and service principals.
//! <https://learn.microsoft.com/graph/api/resources/passwordcredential>

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::{query, shown};
use crate::entra::add_secret_with;
use crate::state::{ClientSecret, State};

/// Finds the secrets of the object with that id.
pub type Find = fn(&mut State, Uuid) -> Result<&mut Vec<ClientSecret>, GraphError>;

/// `POST …/addPassword`: creates a secret, which is shown only in this answer.
pub fn add_password(call: &Call, id: Uuid, find: Find) -> Result<Answer, GraphError> {
    let body = call.object()?;
    let wanted = body.get("passwordCredential").cloned().unwrap_or_default();
    let now = OffsetDateTime::now_utc();
    let now = now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now);
    let time = |name: &str| {
        wanted[name]
            .as_str()
            .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
    };
    let start = time("startDateTime").unwrap_or(now);
    let end = time("endDateTime").unwrap_or(now + Duration::days(730));
    let display_name = wanted["displayName"].as_str().map(str::to_owned);
    let (secret, shown) = call.change(|state| {
        let secrets = find(state, id)?;
        let secret = add_secret_with(secrets, display_name, start, end);
        let added = secrets.last().expect("it was just added");
        Ok((secret, shown::secret(added)))
    })?;
    let mut value = query::one(call, "microsoft.graph.passwordCredential", shown);
    value["secretText"] = secret.into();
    Ok(Answer::ok(value))
}

/// `POST …/removePassword`
pub fn remove_password(call: &Call, id: Uuid, find: Find) -> Result<Answer, GraphError> {
    let body = call.object()?;
    let key = body.get("keyId").and_then(Value::as_str);
    let key = key.and_then(|id| Uuid::try_parse(id).ok());
    call.change(|state| {
        let secrets = find(state, id)?;
        let before = secrets.len();
        secrets.retain(|secret| Some(secret.key_id) != key);
        if secrets.len() == before {
            return Err(GraphError::bad_request("No password credential found with keyId."));
        }
        Ok(())
    })?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// The certificates of `keyCredentials`, as PEM. An entry without a key names one of those that exist.
pub fn certificates(existing: &[String], keys: &Value) -> Result<Vec<String>, GraphError> {
    let mut certificates = Vec::new();
    for key in keys.as_array().into_iter().flatten() {
        let Some(text) = key["key"].as_str() else {
            let kept = existing
                .iter()
                .find(|pem| shown::certificate(pem)["keyId"] == key["keyId"]);
            certificates.extend(kept.cloned());
            continue;
        };
        // The Azure CLI sends base64 with line feeds.
        let plain: String = text.split_whitespace().collect();
        let invalid = || GraphError::bad_request("Key credential's certificate is invalid.");
        let der = STANDARD.decode(&plain).map_err(|_| invalid())?;
        if der.first() != Some(&0x30) {
            return Err(invalid());
        }
        let lines: Vec<_> = plain.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let body = lines.join("\n");
        certificates.push(format!(
            "-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
        ));
    }
    Ok(certificates)
}
