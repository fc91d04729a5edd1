//! The user `$<app>`, who may publish, and where its password is accepted.
//! <https://learn.microsoft.com/azure/app-service/configure-basic-auth-disable>

use std::fmt::Write as _;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::shared::{change, check_action, check_read, find, hosts, show};
use crate::arm::answer::Answer;
use crate::arm::call::{self, Call};
use crate::arm::error::ArmError;
use crate::state::{PUBLISHING_PASSWORD, Resource, ResourceId, State, new_publishing_password};

/// The type of the policies below an app.
const POLICIES: &str = "basicPublishingCredentialsPolicies";
/// The services that may accept the password.
const SERVICES: [&str; 2] = ["ftp", "scm"];
/// What Azure shows in place of a user name and a password that are not accepted.
const REDACTED: &str = "REDACTED";

/// `GET …/basicPublishingCredentialsPolicies`
pub fn policies(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_read(call, &state, site, POLICIES)?;
    let policies = SERVICES.map(|service| show_policy(&state, app, service));
    Answer::list(call, policies.into())
}

/// `…/basicPublishingCredentialsPolicies/ftp` and `scm`
pub fn policy(call: &Call, site: &ResourceId, service: &str) -> Result<Answer, ArmError> {
    match call.method {
        Method::GET => {
            check_read(call, &call.azure.state(), site, &format!("{POLICIES}/{service}"))?;
        }
        Method::PUT | Method::PATCH => change(call, site, &format!("{POLICIES}/{service}"), |state| {
            let allow = match call.properties()?.get("allow") {
                Some(Value::Bool(allow)) => Some(*allow),
                // `az resource update --set` may send a text.
                Some(Value::String(text)) => text.to_ascii_lowercase().parse().ok(),
                _ => None,
            };
            let allow = allow.ok_or_else(|| {
                let message = "The request content was invalid: the property 'allow' must be true or false.";
                ArmError::invalid_content(message)
            })?;
            state.update(&site.child(POLICIES, service), |policy| policy.set("allow", allow));
            Ok(())
        })?,
        _ => return Err(call.unsupported()),
    }
    let state = call.azure.state();
    Ok(Answer::ok(show_policy(&state, find(&state, site)?, service)))
}

fn show_policy(state: &State, app: &Resource, service: &str) -> Value {
    let properties = json!({"allow": is_allowed(state, &app.id, service)});
    show(app, POLICIES, service, &properties)
}

fn is_allowed(state: &State, site: &ResourceId, service: &str) -> bool {
    let policy = state.get(&site.child(POLICIES, service));
    policy.and_then(|policy| policy.flag("allow")).unwrap_or(true)
}

/// The name and the password of the publishing user at a service.
fn user(state: &State, app: &Resource, service: &str) -> (String, String) {
    if !is_allowed(state, &app.id, service) {
        return (REDACTED.to_owned(), REDACTED.to_owned());
    }
    let password = app.secrets.get(PUBLISHING_PASSWORD);
    (format!("${}", app.id.name()), password.cloned().unwrap_or_default())
}

/// `POST …/config/publishingcredentials/list`
pub fn credentials(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_action(call, &state, site, "config/list")?;
    let (name, password) = user(&state, app, "scm");
    let (_, scm) = hosts(site.name());
    let uri = if name == REDACTED {
        format!("https://{scm}")
    } else {
        format!("https://{name}:{password}@{scm}")
    };
    let properties = json!({
        "name": null,
        "publishingUserName": name,
        "publishingPassword": password,
        "publishingPasswordHash": null,
        "publishingPasswordHashSalt": null,
        "metadata": null,
        "isDeleted": false,
        "scmUri": uri,
    });
    let mut shown = show(app, "publishingcredentials", &format!("${}", site.name()), &properties);
    shown["name"] = site.name().into();
    Ok(Answer::ok(shown))
}

/// `POST …/publishxml`: the publish profiles.
pub fn profiles(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_action(call, &state, site, "publishxml")?;
    let format = call
        .optional_object()?
        .map(|body| call::optional(body, "format"))
        .transpose()?;
    let format = format.flatten().unwrap_or("WebDeploy");
    let name = site.name();
    let (host, scm) = hosts(name);
    let ftp = format!(
        "ftps://{}.ftp.azurewebsites.windows.net/site/wwwroot",
        name.to_ascii_lowercase()
    );
    let scm = format!("{scm}:443");
    let methods = [
        (
            "Web Deploy",
            "MSDeploy",
            scm.as_str(),
            "scm",
            format!("msdeploySite=\"{name}\""),
        ),
        ("FTP", "FTP", ftp.as_str(), "ftp", "ftpPassiveMode=\"True\"".to_owned()),
        ("Zip Deploy", "ZipDeploy", scm.as_str(), "scm", String::new()),
    ];
    let is_asked = |method: &str| match format.to_ascii_lowercase().as_str() {
        "webdeploy" => Some(true),
        "ftp" => Some(method == "FTP"),
        _ => None,
    };
    let mut xml = "<publishData>".to_owned();
    for (title, method, address, service, special) in methods {
        let is_asked = is_asked(method).ok_or_else(|| {
            let message = format!("The format '{format}' is not valid. Local Azure has WebDeploy and Ftp.");
            ArmError::bad_request("BadRequest", message)
        })?;
        if !is_asked {
            continue;
        }
        let (mut user, password) = user(&state, app, service);
        if method == "FTP" && user != REDACTED {
            user = format!("{name}\\{user}");
        }
        // Names and passwords consist of letters, digits and hyphens.
        let _ = write!(
            xml,
            "<publishProfile profileName=\"{name} - {title}\" publishMethod=\"{method}\" publishUrl=\"{address}\" {special} \
             userName=\"{user}\" userPWD=\"{password}\" destinationAppUrl=\"https://{host}\" \
             SQLServerDBConnectionString=\"\" mySQLDBConnectionString=\"\" hostingProviderForumLink=\"\" \
             controlPanelLink=\"https://portal.azure.com\" webSystem=\"WebSites\"><databases /></publishProfile>"
        );
    }
    xml.push_str("</publishData>");
    let mut answer = Answer::empty(StatusCode::OK);
    answer.headers.push(("content-type", "application/xml".to_owned()));
    answer.text = Some(xml);
    Ok(answer)
}

/// `POST …/newpassword`
pub fn new_password(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    call.change(|state| {
        check_action(call, state, site, "newpassword")?;
        state.update(site, |app| {
            app.secrets
                .insert(PUBLISHING_PASSWORD.to_owned(), new_publishing_password());
        });
        Ok(())
    })?;
    Ok(Answer::empty(StatusCode::OK))
}
