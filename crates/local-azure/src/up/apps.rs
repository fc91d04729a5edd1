//! `local-azure app`: the operations on web apps for those who do not use the Azure CLI.

use std::fmt::Write as _;

use crate::app_service::AppService;
use crate::azure::Azure;
use crate::command::AppCommand;
use crate::error::{Error, Result};
use crate::state::{ManagedIdentity, Plan, State, SystemAssigned, View as _, WebApp};
use crate::tutorial;

/// Carries out a command. Returns a message for the terminal.
pub(super) async fn handle(azure: &Azure, apps: &AppService, command: AppCommand) -> Result<String> {
    match command {
        AppCommand::Create { app, identity } => {
            let client_id = create(azure, &app, identity.as_deref())?;
            let url = apps.url(&app);
            Ok(format!(
                "Created {app}, with the client id {client_id}. Deploy to it with `local-azure deploy {app} FOLDER`; its \
                 address is {url}."
            ))
        }
        AppCommand::Settings { app, settings, delete } => change_settings(azure, &app, &settings, &delete),
        AppCommand::Startup { app, command } => edit(azure, &app, |app| {
            if let Some(command) = command {
                app.startup_command = command;
            }
            app.startup_command.clone()
        }),
        AppCommand::Delete { app } => {
            azure.change(|state| {
                let id = find(state, &app)?.id;
                state.remove(&id);
                Ok(())
            })?;
            apps.delete_app(&app).await?;
            Ok(format!("Deleted {app}."))
        }
    }
}

/// Creates an app in the tutorial's group and plan. Returns the client id of its identity.
fn create(azure: &Azure, name: &str, identity: Option<&str>) -> Result<uuid::Uuid> {
    let is_valid = (2..=60).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !is_valid {
        return Err(Error::Refused(format!(
            "{name:?} is not a valid web app name: use 2 to 60 letters, digits and hyphens"
        )));
    }
    azure.change(|state| {
        if state.find::<WebApp>(name).is_some() {
            return Err(Error::Refused(format!("there is already a web app {name}")));
        }
        let plan = state.resource_id(tutorial::GROUP, Plan::KIND, tutorial::PLAN);
        let plan = state
            .at(&plan)
            .ok_or_else(|| Error::Refused(format!("the App Service plan {} was deleted", tutorial::PLAN)))?;
        let mut app = WebApp::new(state.resource_id(tutorial::GROUP, WebApp::KIND, name), &plan);
        "exec ./start.sh".clone_into(&mut app.startup_command);
        let client_id = if let Some(identity) = identity {
            let identity = user_assigned(state, identity)?;
            app.identity.user.push(identity.resource_id);
            let client_id = identity.client_id;
            app.settings.insert("AZURE_CLIENT_ID".to_owned(), client_id.to_string());
            client_id
        } else {
            let system = SystemAssigned::create();
            app.identity.system = Some(system);
            system.client_id
        };
        state.put(&app);
        Ok(client_id)
    })
}

/// The user-assigned identity of that name, which is created if it does not exist.
fn user_assigned(state: &mut State, name: &str) -> Result<ManagedIdentity> {
    if let Some(identity) = state.find(name) {
        return Ok(identity);
    }
    let kind = format!("providers/{}", ManagedIdentity::KIND);
    let id = state.group_id(tutorial::GROUP).try_child(&kind, name);
    let id = id.map_err(|_| Error::Refused(format!("{name:?} is not a valid name of an identity")))?;
    let identity = ManagedIdentity::new(id);
    state.put(&identity);
    Ok(identity)
}

fn change_settings(azure: &Azure, app: &str, set: &[String], delete: &[String]) -> Result<String> {
    let set: Vec<_> = set
        .iter()
        .map(|pair| {
            pair.split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| Error::Refused(format!("{pair:?} is not a setting: write NAME=VALUE")))
        })
        .collect::<Result<_>>()?;
    edit(azure, app, |app| {
        for (name, value) in set {
            app.settings.insert(name.to_owned(), value.to_owned());
        }
        app.settings.retain(|name, _| !delete.contains(name));
        let mut text = String::new();
        for (name, value) in &app.settings {
            let _ = writeln!(text, "{name}={value}");
        }
        text.trim_end().to_owned()
    })
}

/// Changes an app.
fn edit<T>(azure: &Azure, name: &str, change: impl FnOnce(&mut WebApp) -> T) -> Result<T> {
    azure.change(|state| {
        let mut app = find(state, name)?;
        let before = app.clone();
        let answer = change(&mut app);
        if app != before {
            state.put(&app);
        }
        Ok(answer)
    })
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

    #[test]
    fn an_app_has_an_identity_and_azures_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        tutorial::provision(&azure, true).unwrap();
        let system = create(&azure, "one", None).unwrap();
        let user = create(&azure, "two", Some("two-identity")).unwrap();
        assert_eq!(create(&azure, "three", Some("two-identity")).unwrap(), user);
        let state = azure.state();
        let one: WebApp = state.find("one").unwrap();
        assert_eq!(one.identity.system.unwrap().client_id, system);
        assert!(one.settings.is_empty() && one.health_check_path.is_none());
        assert_eq!(
            state.find::<WebApp>("two").unwrap().settings["AZURE_CLIENT_ID"],
            user.to_string()
        );
        for name in ["One", "x", "-x", "a b", "../x", ""] {
            assert!(create(&azure, name, None).is_err(), "{name}");
        }
        assert!(create(&azure, "four", Some("a/b/c")).is_err());
    }

    #[test]
    fn settings_are_set_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        tutorial::provision(&azure, true).unwrap();
        create(&azure, "one", None).unwrap();
        let change = |set: &[&str], delete: &[&str]| {
            let owned = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
            change_settings(&azure, "ONE", &owned(set), &owned(delete))
        };
        assert_eq!(change(&["A=1", "B=x=y"], &[]).unwrap(), "A=1\nB=x=y");
        assert_eq!(change(&["C="], &["A"]).unwrap(), "B=x=y\nC=");
        assert!(change(&["D"], &["B"]).is_err() && change(&["=x"], &[]).is_err());
        assert_eq!(change(&[], &[]).unwrap(), "B=x=y\nC=");
    }
}
