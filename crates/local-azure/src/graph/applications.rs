//! Application registrations, their credentials and their owners.
//! <https://learn.microsoft.com/graph/api/resources/application>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use uuid::Uuid;

use super::answer::Answer;
use super::call::{Call, take_text};
use super::error::GraphError;
use super::{credentials, directory_objects, query, shown};
use crate::state::{Application, ClientSecret, FederatedCredential, State};

/// `/applications` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    match (&call.method, path) {
        (&Method::GET, []) => {
            let all = state.directory.applications.iter().map(shown::application).collect();
            Ok(Answer::ok(query::list(call, "applications", all)?))
        }
        (&Method::POST, []) => create(call),
        (_, [id, rest @ ..]) => {
            let guid = Uuid::try_parse(id).ok();
            let found = state.directory.applications.iter().find(|one| Some(one.id) == guid);
            one(call, found.ok_or_else(|| GraphError::not_found(id))?, rest)
        }
        _ => Err(call.unsupported()),
    }
}

fn one(call: &Call, application: &Application, path: &[&str]) -> Result<Answer, GraphError> {
    let id = application.id;
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::one(
            call,
            "applications",
            shown::application(application),
        ))),
        (&Method::PATCH, []) => {
            let body = call.object()?;
            call.change(|state| {
                let mut changed = find(state, id)?.clone();
                apply(state, &mut changed, body)?;
                *find(state, id)? = changed;
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, []) => {
            let client_id = application.client_id;
            call.change(|state| {
                let directory = &mut state.directory;
                directory.applications.retain(|one| one.id != id);
                let gone = directory
                    .service_principals
                    .iter()
                    .find(|one| one.client_id == client_id)
                    .map(|one| one.id);
                directory.service_principals.retain(|one| one.client_id != client_id);
                if let Some(gone) = gone {
                    directory_objects::forget(state, gone);
                }
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, ["addpassword"]) => credentials::add_password(call, id, secrets),
        (&Method::POST, ["removepassword"]) => credentials::remove_password(call, id, secrets),
        (_, ["owners", rest @ ..]) => directory_objects::owners(call, id, &application.owners, rest, owners),
        (_, ["federatedidentitycredentials", rest @ ..]) => federated_credentials(call, application, rest),
        _ => Err(call.unsupported()),
    }
}

fn find(state: &mut State, id: Uuid) -> Result<&mut Application, GraphError> {
    let found = state.directory.applications.iter_mut().find(|one| one.id == id);
    found.ok_or_else(|| GraphError::not_found(&id.to_string()))
}

fn secrets(state: &mut State, id: Uuid) -> Result<&mut Vec<ClientSecret>, GraphError> {
    Ok(&mut find(state, id)?.secrets)
}

fn owners(state: &mut State, id: Uuid) -> Result<&mut Vec<Uuid>, GraphError> {
    Ok(&mut find(state, id)?.owners)
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let body = call.object()?;
    if body
        .get("displayName")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        return Err(GraphError::invalid_property("displayName"));
    }
    let mut application = Application::new("");
    application
        .other
        .insert("createdDateTime".to_owned(), crate::log_time::now().into());
    application.owners.push(call.caller.id);
    let shown = call.change(|state| {
        apply(state, &mut application, body)?;
        let shown = shown::application(&application);
        state.directory.applications.push(application);
        Ok(shown)
    })?;
    Ok(Answer::created(query::one(call, "applications", shown)))
}

/// Writes the properties of a body into an application.
fn apply(
    state: &State,
    application: &mut Application,
    mut body: serde_json::Map<String, Value>,
) -> Result<(), GraphError> {
    for fixed in ["id", "appId", "passwordCredentials", "createdDateTime"] {
        body.remove(fixed);
    }
    if let Some(name) = take_text(&mut body, "displayName") {
        application.display_name = name;
    }
    if let Some(uris) = body.remove("identifierUris") {
        let uris: Vec<String> = serde_json::from_value(uris).map_err(|_| {
            GraphError::bad_request("Invalid value specified for property 'identifierUris' of resource 'Application'.")
        })?;
        let taken = |uri: &String| {
            let mut others = state
                .directory
                .applications
                .iter()
                .filter(|other| other.id != application.id);
            others.any(|other| other.identifier_uris.contains(uri))
        };
        if uris.iter().any(taken) {
            return Err(GraphError::bad_request(
                "Another object with the same value for property identifierUris already exists.",
            ));
        }
        if let Some(invalid) = uris.iter().find(|uri| !uri.contains("://")) {
            return Err(GraphError::bad_request(format!(
                "Values of identifierUris property must use a verified domain of the organization or its subdomain: \
                 '{invalid}'."
            )));
        }
        application.identifier_uris = uris;
    }
    if let Some(keys) = body.remove("keyCredentials") {
        application.certificates = credentials::certificates(&application.certificates, &keys)?;
    }
    application.other.extend(body);
    Ok(())
}

/// The external tokens that an application may authenticate with.
fn federated_credentials(call: &Call, application: &Application, path: &[&str]) -> Result<Answer, GraphError> {
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
    let read = |body: &serde_json::Map<String, Value>, base: Option<&FederatedCredential>| {
        let text = |name: &str, old: Option<&String>| {
            let found = body
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .or_else(|| old.cloned());
            found
                .filter(|text| !text.is_empty())
                .ok_or_else(|| GraphError::invalid_property(name))
        };
        let audience = body
            .get("audiences")
            .and_then(|all| all.get(0)?.as_str())
            .map(str::to_owned);
        Ok::<_, GraphError>(FederatedCredential {
            name: text("name", base.map(|base| &base.name))?,
            issuer: text("issuer", base.map(|base| &base.issuer))?,
            subject: text("subject", base.map(|base| &base.subject))?,
            audience: audience
                .or_else(|| base.map(|base| base.audience.clone()))
                .ok_or_else(|| GraphError::invalid_property("audiences"))?,
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
            let new = read(&call.object()?, None)?;
            let shown = show(&new);
            call.change(|state| {
                let existing = &mut find(state, id)?.federated_credentials;
                check_new(existing, &new)?;
                existing.push(new);
                Ok(())
            })?;
            Ok(Answer::created(query::one(call, kind, shown)))
        }
        (&Method::GET, [name]) => {
            let found = named(name).ok_or_else(|| GraphError::not_found(name))?;
            Ok(Answer::ok(query::one(call, kind, show(found))))
        }
        (&Method::PATCH, [name]) => {
            let found = named(name).ok_or_else(|| GraphError::not_found(name))?;
            let changed = read(&call.object()?, Some(found))?;
            call.change(|state| {
                let mut all = find(state, id)?.federated_credentials.iter_mut();
                if let Some(one) = all.find(|one| one.name == changed.name) {
                    *one = changed;
                }
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, [name]) => {
            let found = named(name).ok_or_else(|| GraphError::not_found(name))?.name.clone();
            call.change(|state| {
                find(state, id)?.federated_credentials.retain(|one| one.name != found);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(call.unsupported()),
    }
}

/// # Errors
///
/// The application has a credential with that name or that issuer and subject, or has as many as it may have.
fn check_new(existing: &[FederatedCredential], new: &FederatedCredential) -> Result<(), GraphError> {
    let mut others = existing.iter();
    if others.clone().any(|other| other.name.eq_ignore_ascii_case(&new.name)) {
        return Err(GraphError::new(
            StatusCode::CONFLICT,
            "Request_MultipleObjectsWithSameKeyValue",
            format!("FederatedIdentityCredential with name {} already exists.", new.name),
        ));
    }
    if others.any(|other| other.issuer == new.issuer && other.subject == new.subject) {
        return Err(GraphError::new(
            StatusCode::BAD_REQUEST,
            "InvalidFederatedIdentityCredentialValue",
            "Issuer and subject combination already exists for this application.",
        ));
    }
    if existing.len() >= 20 {
        return Err(GraphError::bad_request(
            "An application has at most 20 federated identity credentials.",
        ));
    }
    Ok(())
}

/// The id of a federated credential, which follows from its name.
fn credential_id(application: Uuid, name: &str) -> Uuid {
    shown::id_of(&Sha1::digest(format!("{application}/{name}")).into())
}
