//! The external tokens that an application may authenticate with.
//! <https://learn.microsoft.com/graph/api/resources/federatedidentitycredential>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use url::Url;
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::{kinds, objects, query, shown};
use crate::state::{Application, FederatedCredential};

/// `/applications/{id}/federatedIdentityCredentials` and what is below it.
pub fn handle(call: &Call, application: &Application, path: &[&str]) -> Result<Answer, GraphError> {
    let id = application.id;
    let kind = "federatedIdentityCredentials";
    let show = |credential: &FederatedCredential| {
        json!({
            "id": credential_id(id, &credential.name),
            "name": credential.name,
            "issuer": credential.issuer,
            "subject": credential.subject,
            "audiences": [credential.audience],
            "description": null,
        })
    };
    let named = |key: &str| {
        let guid = Uuid::try_parse(key).ok();
        application
            .federated_credentials
            .iter()
            .find(|one| one.name.eq_ignore_ascii_case(key) || Some(credential_id(id, &one.name)) == guid)
    };
    match (&call.method, path) {
        (&Method::GET, []) => {
            let all = application.federated_credentials.iter().map(show).collect();
            Ok(Answer::ok(query::list(call, kind, all)?))
        }
        (&Method::POST, []) => {
            let new = read(call, None)?;
            let shown = show(&new);
            call.change(|state| {
                let existing = &mut objects::application_mut(state, id)?.federated_credentials;
                check_new(existing, &new)?;
                existing.push(new);
                Ok(())
            })?;
            Ok(Answer::created(query::one(call, kind, shown)?))
        }
        (&Method::GET, [name]) => {
            let found = named(name).ok_or_else(|| GraphError::not_found(name))?;
            Ok(Answer::ok(query::one(call, kind, show(found))?))
        }
        (&Method::PATCH, [name]) => {
            let found = named(name).ok_or_else(|| GraphError::not_found(name))?;
            let changed = read(call, Some(found))?;
            if changed.name != found.name {
                return Err(GraphError::read_only("name"));
            }
            call.change(|state| {
                let all = &mut objects::application_mut(state, id)?.federated_credentials;
                let is_other = |one: &FederatedCredential| one.name != changed.name;
                check_pair(all.iter().filter(|one| is_other(one)), &changed)?;
                if let Some(one) = all.iter_mut().find(|one| !is_other(one)) {
                    *one = changed;
                }
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, [name]) => {
            let found = named(name).ok_or_else(|| GraphError::not_found(name))?.name.clone();
            call.change(|state| {
                objects::application_mut(state, id)?
                    .federated_credentials
                    .retain(|one| one.name != found);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(call.unsupported()),
    }
}

/// The federated credential in the body. A change keeps what it does not name.
fn read(call: &Call, base: Option<&FederatedCredential>) -> Result<FederatedCredential, GraphError> {
    let body = call.object()?;
    kinds::FEDERATED_CREDENTIAL.check(&body)?;
    let text = |name: &str, old: Option<&String>| {
        let given = body.get(name).and_then(Value::as_str).map(str::to_owned);
        let found = given.or_else(|| old.cloned()).filter(|text| !text.trim().is_empty());
        found.ok_or_else(|| GraphError::text_required(name))
    };
    let audience = match body.get("audiences").and_then(Value::as_array).map(Vec::as_slice) {
        Some([audience]) => audience.as_str().map(str::to_owned),
        // One is the most that Entra accepts, too.
        Some(_) => None,
        None => base.map(|base| base.audience.clone()),
    };
    let issuer = text("issuer", base.map(|base| &base.issuer))?;
    let is_https = Url::parse(&issuer).is_ok_and(|url| url.scheme() == "https" && url.has_host());
    if !is_https {
        return Err(kinds::FEDERATED_CREDENTIAL.invalid("issuer"));
    }
    Ok(FederatedCredential {
        name: text("name", base.map(|base| &base.name))?,
        issuer,
        subject: text("subject", base.map(|base| &base.subject))?,
        audience: audience
            .filter(|audience| !audience.trim().is_empty())
            .ok_or_else(|| GraphError::text_required("audiences"))?,
    })
}

/// # Errors
///
/// The application has a credential with that name or that issuer and subject, or has as many as it may have.
fn check_new(existing: &[FederatedCredential], new: &FederatedCredential) -> Result<(), GraphError> {
    if existing.iter().any(|other| other.name.eq_ignore_ascii_case(&new.name)) {
        return Err(GraphError::new(
            StatusCode::CONFLICT,
            "Request_MultipleObjectsWithSameKeyValue",
            format!("FederatedIdentityCredential with name {} already exists.", new.name),
        ));
    }
    check_pair(existing.iter(), new)?;
    if existing.len() >= 20 {
        return Err(GraphError::bad_request(
            "An application has at most 20 federated identity credentials.",
        ));
    }
    Ok(())
}

/// # Errors
///
/// One of the others has the same issuer and subject.
fn check_pair<'a>(
    mut others: impl Iterator<Item = &'a FederatedCredential>,
    new: &FederatedCredential,
) -> Result<(), GraphError> {
    if others.any(|other| other.issuer == new.issuer && other.subject == new.subject) {
        return Err(GraphError::new(
            StatusCode::BAD_REQUEST,
            "InvalidFederatedIdentityCredentialValue",
            "Issuer and subject combination already exists for this application.",
        ));
    }
    Ok(())
}

/// The id of a federated credential, which follows from its name.
fn credential_id(application: Uuid, name: &str) -> Uuid {
    shown::id_of(&Sha1::digest(format!("{application}/{name}")).into())
}
