//! `local-azure app`: the operations on web apps for those who do not use the Azure CLI.

use std::fmt::Write as _;
use std::path::Path;

use axum::http::Method;
use serde_json::json;
use url::Url;

use super::app_resources::{create_container, create_database};
use super::control_plane::ControlPlane;
use super::group::{in_group, provide_plan};
use super::parts::Parts;
use crate::azure::Azure;
use crate::command::AppCommand;
use crate::error::{Error, Result};
use crate::state::{ManagedIdentity, ResourceId, State, View as _, WebApp};
use crate::tutorial;

/// The versions of the APIs.
const WEB: &str = "2025-05-01";
const IDENTITY: &str = "2024-11-30";

/// Carries out a command. Returns a message for the terminal.
pub async fn handle(azure: &Azure, parts: &Parts, command: AppCommand) -> Result<String> {
    let control_plane = &parts.control_plane;
    match command {
        AppCommand::Create {
            app,
            identity,
            database,
            container,
        } => {
            let client_id = create(azure, control_plane, &app, identity.as_deref()).await?;
            let principal = azure.read(|state| state.find_principal(&client_id));
            let principal = principal.expect("it was just created");
            let mut settings = Vec::new();
            if let Some(database) = database {
                settings.extend(create_database(azure, parts, &app, &principal, &database).await?);
            }
            if let Some(container) = container {
                settings.push(create_container(azure, parts, &app, &principal, &container).await?);
            }
            change_settings(azure, control_plane, &app, &settings, &[]).await?;
            let url = parts.apps.url(&app);
            Ok(format!(
                "Created {app}, with the client id {client_id}. Deploy to it with `local-azure deploy {app} FOLDER`; its \
                 address is {url}."
            ))
        }
        AppCommand::Settings { app, settings, delete } => {
            change_settings(azure, control_plane, &app, &settings, &delete).await
        }
        AppCommand::Startup { app, command } => {
            let found = find(&azure.state(), &app)?;
            let Some(command) = command else {
                return Ok(found.startup_command);
            };
            set_startup_command(control_plane, &found.id, &command).await?;
            Ok(command)
        }
        AppCommand::Delete { app } => {
            let id = find(&azure.state(), &app)?.id;
            control_plane.send(Method::DELETE, id.as_str(), WEB, None).await?;
            Ok(format!("Deleted {app}."))
        }
    }
}

/// Deploys a package to an app, and returns when the app runs it.
pub async fn deploy(azure: &Azure, parts: &Parts, app: &str, path: &Path) -> Result<()> {
    let id = find(&azure.state(), app)?.id;
    let address =
        Url::from_file_path(path).map_err(|()| Error::Refused(format!("{} is not a path", path.display())))?;
    let body = json!({"properties": {"packageUri": address.as_str(), "type": "zip"}});
    let path = format!("{id}/extensions/onedeploy");
    parts.control_plane.send(Method::PUT, &path, WEB, Some(&body)).await?;
    Ok(())
}

/// Creates an app, and its group and plan if they do not exist. Returns the client id of its identity.
async fn create(azure: &Azure, control_plane: &ControlPlane, name: &str, identity: Option<&str>) -> Result<String> {
    let state = azure.state();
    if state.find::<WebApp>(name).is_some() {
        return Err(Error::Refused(format!("there is already a web app {name}")));
    }
    let plan = provide_plan(&state, control_plane).await?;
    let mut body = json!({"location": tutorial::LOCATION, "properties": {"serverFarmId": plan}});
    let user_assigned = match identity {
        Some(identity) => Some(user_assigned(&state, control_plane, identity).await?),
        None => None,
    };
    body["identity"] = match &user_assigned {
        Some((id, _)) => json!({"type": "UserAssigned", "userAssignedIdentities": {id.as_str(): {}}}),
        None => json!({"type": "SystemAssigned"}),
    };
    let id = in_group(&state, WebApp::KIND, name)?;
    let created = control_plane.send(Method::PUT, id.as_str(), WEB, Some(&body)).await?;
    set_startup_command(control_plane, &id, "exec sh ./start.sh").await?;
    if let Some((_, client_id)) = user_assigned {
        let setting = format!("AZURE_CLIENT_ID={client_id}");
        change_settings(azure, control_plane, name, &[setting], &[]).await?;
        return Ok(client_id);
    }
    let state = azure.state();
    let system = created["identity"]["principalId"]
        .as_str()
        .and_then(|id| state.find_principal(id));
    let client_id = system.and_then(|principal| principal.client_id);
    Ok(client_id.map_or_else(String::new, |id| id.to_string()))
}

/// The id and the client id of the user-assigned identity of that name, which is created if it does not exist.
async fn user_assigned(state: &State, control_plane: &ControlPlane, name: &str) -> Result<(ResourceId, String)> {
    if let Some(identity) = state.find::<ManagedIdentity>(name) {
        return Ok((identity.resource_id, identity.client_id.to_string()));
    }
    let id = in_group(state, ManagedIdentity::KIND, name)?;
    let body = json!({"location": tutorial::LOCATION});
    let created = control_plane
        .send(Method::PUT, id.as_str(), IDENTITY, Some(&body))
        .await?;
    let client_id = created["properties"]["clientId"].as_str().unwrap_or_default();
    Ok((id, client_id.to_owned()))
}

async fn set_startup_command(control_plane: &ControlPlane, app: &ResourceId, command: &str) -> Result<()> {
    let body = json!({"properties": {"appCommandLine": command}});
    let path = format!("{app}/config/web");
    control_plane.send(Method::PATCH, &path, WEB, Some(&body)).await?;
    Ok(())
}

/// Changes are made one after the other, because the control plane replaces all settings.
static SETTINGS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn change_settings(
    azure: &Azure,
    control_plane: &ControlPlane,
    app: &str,
    set: &[String],
    delete: &[String],
) -> Result<String> {
    let set: Vec<_> = set
        .iter()
        .map(|pair| {
            pair.split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| Error::Refused(format!("{pair:?} is not a setting: write NAME=VALUE")))
        })
        .collect::<Result<_>>()?;
    let _one = SETTINGS.lock().await;
    let app = find(&azure.state(), app)?;
    let mut settings = app.settings.clone();
    if let Some(unknown) = delete.iter().find(|name| !settings.contains_key(*name)) {
        return Err(Error::Refused(format!("there is no app setting {unknown:?}")));
    }
    settings.retain(|name, _| !delete.contains(name));
    settings.extend(set.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    if settings != app.settings {
        let path = format!("{}/config/appsettings", app.id);
        let body = json!({"properties": settings});
        control_plane.send(Method::PUT, &path, WEB, Some(&body)).await?;
    }
    let mut text = String::new();
    for (name, value) in &settings {
        let _ = writeln!(text, "{name}={value}");
    }
    Ok(text.trim_end().to_owned())
}

fn find(state: &State, name: &str) -> Result<WebApp> {
    state.find(name).ok_or_else(|| {
        let names: Vec<_> = state.names::<WebApp>().collect();
        let names = names.join(", ");
        Error::Refused(format!("there is no web app {name:?}. The web apps are: {names}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::{Running, Stored};

    fn provisioned() -> (tempfile::TempDir, Azure, ControlPlane) {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        tutorial::provision(&azure, true).unwrap();
        let control_plane = ControlPlane::new(&azure, Stored::default(), Running::default());
        (folder, azure, control_plane)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_has_an_identity_and_azures_defaults() {
        let (_folder, azure, control_plane) = provisioned();
        let create = async |name: &str, identity| create(&azure, &control_plane, name, identity).await;
        let system = create("one", None).await.unwrap();
        let user = create("two", Some("two-identity")).await.unwrap();
        assert_eq!(create("three", Some("two-identity")).await.unwrap(), user);
        let state = azure.state();
        let one: WebApp = state.find("one").unwrap();
        assert_eq!(one.identity.system.unwrap().client_id.to_string(), system);
        assert!(one.settings.is_empty() && one.health_check_path.is_none());
        assert_eq!(state.find::<WebApp>("two").unwrap().settings["AZURE_CLIENT_ID"], user);
        for name in ["One", "x", "-x", "a b", "../x", "", "a/b/c"] {
            assert!(create(name, None).await.is_err(), "{name}");
        }
        assert!(create("four", Some("a/b/c")).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn settings_are_set_and_deleted() {
        let (_folder, azure, control_plane) = provisioned();
        create(&azure, &control_plane, "one", None).await.unwrap();
        let change = async |set: &[&str], delete: &[&str]| {
            let owned = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
            change_settings(&azure, &control_plane, "ONE", &owned(set), &owned(delete)).await
        };
        assert_eq!(change(&["A=1", "B=x=y"], &[]).await.unwrap(), "A=1\nB=x=y");
        assert_eq!(change(&["C="], &["A"]).await.unwrap(), "B=x=y\nC=");
        assert!(change(&["D"], &["B"]).await.is_err() && change(&["=x"], &[]).await.is_err());
        assert!(change(&[], &["D"]).await.is_err());
        assert_eq!(change(&[], &[]).await.unwrap(), "B=x=y\nC=");
    }
}
