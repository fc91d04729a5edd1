//! Application registrations.
//! <https://learn.microsoft.com/graph/api/resources/application>

use std::collections::HashSet;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::credentials::{self, NewSecret};
use super::error::GraphError;
use super::{federated_credentials, kinds, objects, properties, query, references, shown};
use crate::state::{Application, ClientSecret, State};

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
            one(call, &state, found.ok_or_else(|| GraphError::not_found(id))?, rest)
        }
        _ => Err(call.unsupported()),
    }
}

fn one(call: &Call, state: &State, application: &Application, path: &[&str]) -> Result<Answer, GraphError> {
    let id = application.id;
    call.needs_owner(state, path, &application.owners)?;
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::one(
            call,
            "applications",
            shown::application(application),
        )?)),
        (&Method::PATCH, []) => {
            let body = call.object()?;
            kinds::APPLICATION.check(&body)?;
            if body.contains_key("passwordCredentials") {
                return Err(GraphError::read_only("passwordCredentials"));
            }
            call.change(|state| {
                let mut changed = objects::application_mut(state, id)?.clone();
                apply(state, &mut changed, body)?;
                *objects::application_mut(state, id)? = changed;
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
                for gone in [Some(id), gone].into_iter().flatten() {
                    references::forget(state, gone);
                }
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, ["addpassword"]) => credentials::add_password(call, id, secrets),
        (&Method::POST, ["removepassword"]) => credentials::remove_password(call, id, secrets),
        (_, ["owners", ..]) => references::handle(call, id, &application.owners, path, owners),
        (_, ["federatedidentitycredentials", rest @ ..]) => federated_credentials::handle(call, application, rest),
        _ => Err(call.unsupported()),
    }
}

fn secrets(state: &mut State, id: Uuid) -> Result<&mut Vec<ClientSecret>, GraphError> {
    Ok(&mut objects::application_mut(state, id)?.secrets)
}

fn owners(state: &mut State, id: Uuid) -> Result<&mut Vec<Uuid>, GraphError> {
    Ok(&mut objects::application_mut(state, id)?.owners)
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let mut body = call.object()?;
    kinds::APPLICATION.check(&body)?;
    if !body.get("displayName").is_some_and(Value::is_string) {
        return Err(GraphError::text_required("displayName"));
    }
    let secrets = body.remove("passwordCredentials").unwrap_or_default();
    let secrets = secrets.as_array().into_iter().flatten();
    let secrets = secrets.map(NewSecret::read).collect::<Result<Vec<_>, _>>()?;
    let mut application = Application::new("");
    application
        .properties
        .insert("createdDateTime".to_owned(), crate::log_time::now().into());
    application.owners.push(call.caller.id);
    let texts: Vec<_> = secrets
        .into_iter()
        .map(|secret| secret.add(&mut application.secrets))
        .collect();
    let mut shown = call.change(|state| {
        apply(state, &mut application, body)?;
        let shown = shown::application(&application);
        state.directory.applications.push(application);
        Ok(shown)
    })?;
    shown["passwordCredentials"] = texts.into();
    Ok(Answer::created(query::one(call, "applications", shown)?))
}

/// Writes the properties of a body into an application.
fn apply(state: &State, application: &mut Application, mut body: Map<String, Value>) -> Result<(), GraphError> {
    match body.remove("displayName") {
        Some(Value::String(name)) => application.display_name = name,
        Some(_) => return Err(GraphError::text_required("displayName")),
        None => {}
    }
    if let Some(uris) = body.remove("identifierUris") {
        let uris: Vec<String> =
            serde_json::from_value(uris).map_err(|_| kinds::APPLICATION.invalid("identifierUris"))?;
        check_uris(state, application, &uris)?;
        application.identifier_uris = uris;
    }
    if let Some(keys) = body.remove("keyCredentials") {
        application.certificates = credentials::certificates(&application.certificates, &keys)?;
    }
    properties::set(&mut application.properties, body);
    Ok(())
}

/// # Errors
///
/// Another application has one of these identifiers, or one of them is not a URI.
fn check_uris(state: &State, application: &Application, uris: &[String]) -> Result<(), GraphError> {
    let all = state.directory.applications.iter();
    let taken: HashSet<_> = all
        .filter(|other| other.id != application.id)
        .flat_map(|other| &other.identifier_uris)
        .collect();
    if uris.iter().any(|uri| taken.contains(uri)) {
        return Err(GraphError::bad_request(
            "Another object with the same value for property identifierUris already exists.",
        ));
    }
    let is_uri = |uri: &str| uri.contains("://") && !uri.contains(|c: char| c.is_whitespace() || c.is_control());
    match uris.iter().find(|uri| !is_uri(uri)) {
        Some(invalid) => Err(GraphError::bad_request(format!(
            "Values of identifierUris property must use a verified domain of the organization or its subdomain: \
             '{invalid}'."
        ))),
        None => Ok(()),
    }
}
