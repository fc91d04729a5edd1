//! The secrets and certificates of applications and service principals.
//! <https://learn.microsoft.com/graph/api/resources/passwordcredential>

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::{kinds, properties, query, shown};
use crate::entra::add_secret_with;
use crate::state::{ClientSecret, State};

/// Finds the secrets of the object with that id.
pub type Find = fn(&mut State, Uuid) -> Result<&mut Vec<ClientSecret>, GraphError>;

/// `POST …/addPassword`: creates a secret, which is shown only in this answer.
pub fn add_password(call: &Call, id: Uuid, find: Find) -> Result<Answer, GraphError> {
    let body = call.object()?;
    let new = NewSecret::read(body.get("passwordCredential").unwrap_or(&Value::Null))?;
    let shown = call.change(|state| Ok(new.add(find(state, id)?)))?;
    Ok(Answer::ok(query::one(
        call,
        "microsoft.graph.passwordCredential",
        shown,
    )?))
}

/// A secret that a client asks for.
pub struct NewSecret {
    display_name: Option<String>,
    start: OffsetDateTime,
    end: OffsetDateTime,
}

impl NewSecret {
    /// Reads a `passwordCredential`.
    pub fn read(wanted: &Value) -> Result<Self, GraphError> {
        let empty = Map::new();
        let wanted = match wanted {
            Value::Null => &empty,
            Value::Object(wanted) => wanted,
            _ => return Err(kinds::PASSWORD_CREDENTIAL.invalid("passwordCredential")),
        };
        kinds::PASSWORD_CREDENTIAL.check(wanted)?;
        let now = OffsetDateTime::now_utc();
        let now = now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now);
        let (start, end) = lifetime(wanted, "Password")?;
        let start = start.unwrap_or(now);
        Ok(Self {
            display_name: wanted.get("displayName").and_then(Value::as_str).map(str::to_owned),
            start,
            end: end.unwrap_or(start + Duration::days(730)),
        })
    }

    /// Adds the secret. Returns it as Graph shows it once, with its text.
    pub fn add(self, secrets: &mut Vec<ClientSecret>) -> Value {
        let text = add_secret_with(secrets, self.display_name, self.start, self.end);
        let mut value = secrets.last().map(shown::secret).unwrap_or_default();
        value["secretText"] = text.into();
        value
    }
}

/// When a credential becomes valid and when it expires, if the client says so.
fn lifetime(
    credential: &Map<String, Value>,
    kind: &str,
) -> Result<(Option<OffsetDateTime>, Option<OffsetDateTime>), GraphError> {
    let read = |name: &str| {
        let value = credential.get(name).filter(|value| !value.is_null());
        let invalid = || GraphError::bad_request(format!("{kind} credential has an invalid {name}."));
        value
            .map(|value| properties::time(value).ok_or_else(invalid))
            .transpose()
    };
    let (start, end) = (read("startDateTime")?, read("endDateTime")?);
    let now = OffsetDateTime::now_utc();
    // The default end of a credential that starts in the distant future would be out of range.
    if start.is_some_and(|start| start > now + Duration::days(100 * 365)) {
        return Err(GraphError::bad_request(format!(
            "{kind} credential start date is invalid."
        )));
    }
    if end.is_some_and(|end| end <= now || end < start.unwrap_or(now)) {
        return Err(GraphError::bad_request(format!(
            "{kind} credential end date is invalid."
        )));
    }
    Ok((start, end))
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
    let keys = keys.as_array().into_iter().flatten().filter_map(Value::as_object);
    keys.map(|key| certificate(existing, key)).collect()
}

fn certificate(existing: &[String], key: &Map<String, Value>) -> Result<String, GraphError> {
    kinds::KEY_CREDENTIAL.check(key)?;
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    for (name, expected) in [("type", "AsymmetricX509Cert"), ("usage", "Verify")] {
        if text(name).is_some_and(|value| value != expected) {
            return Err(kinds::KEY_CREDENTIAL.invalid(name));
        }
    }
    let Some(data) = text("key") else {
        let id = text("keyId").and_then(|id| Uuid::try_parse(id).ok());
        let mut existing = existing.iter();
        let found = existing.find(|pem| Some(shown::certificate_id(pem)) == id);
        return found
            .cloned()
            .ok_or_else(|| GraphError::bad_request("No key credential found with keyId."));
    };
    lifetime(key, "Key")?;
    // The Azure CLI sends base64 with line feeds.
    let plain: String = data.split_whitespace().collect();
    let invalid = || GraphError::bad_request("Key credential's certificate is invalid.");
    let der = STANDARD.decode(&plain).map_err(|_| invalid())?;
    let is_certificate = X509Certificate::from_der(&der).is_ok_and(|(rest, _)| rest.is_empty());
    if !is_certificate {
        return Err(invalid());
    }
    let lines: Vec<_> = plain.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let body = lines.join("\n");
    Ok(format!(
        "-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    ))
}
