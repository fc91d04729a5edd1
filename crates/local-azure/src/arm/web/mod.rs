//! Microsoft.Web: App Service plans and web apps.
//! <https://learn.microsoft.com/rest/api/appservice>
//!
//! In reading order:
//!
//! - `shared`: what the handlers share.
//! - `plans`: App Service plans. `offers`: regions, runtimes and names.
//! - `values` and `site_config`: the settings, the connection strings and the configuration of an app, as bodies contain
//!   them.
//! - `sites`: web apps. `operations`: starting, stopping and restarting them. `facets`: what is only shown of them.
//! - `configuration`: the parts `config` of an app. `authentication_settings` and `authentication`: App Service
//!   Authentication. `publishing`: its publishing user.
//! - `onedeploy`: deploying a package of this machine. `deployments`: the deployments of an app.

mod authentication;
mod authentication_settings;
mod configuration;
mod deployments;
mod facets;
mod offers;
mod onedeploy;
mod operations;
mod plans;
mod publishing;
mod shared;
mod site_config;
mod sites;
mod values;

use axum::http::Method;

pub use self::plans::{PLANS, check_unused};
pub use self::site_config::save;
pub use self::sites::{SITES, emptied_plan};

use super::answer::Answer;
use super::call::{Call, id};
use super::error::ArmError;
use super::service::Arm;
use crate::state::ResourceId;

/// Chooses the handler for what is below a plan or a web app, or below the provider. `None` means that it is a resource
/// like any other.
pub fn part(arm: &Arm, call: &Call, at: usize, rest: &[&str]) -> Option<Result<Answer, ArmError>> {
    let get = call.method == Method::GET;
    let parent = || id(&call.path[..at + 4]);
    let answer = match rest {
        ["checknameavailability"] | ["locations", _, "checknameavailability"] => offers::check_name(call),
        ["georegions"] if get => offers::regions(call),
        ["webappstacks"] | ["locations", _, "webappstacks"] if get => offers::stacks(call),
        ["serverfarms", _, "sites"] if get => parent().and_then(|plan| sites::of_plan(call, &plan)),
        ["georegions" | "locations" | "webappstacks", ..] | ["serverfarms", _, _, ..] => Err(call.unsupported()),
        ["sites", _, part @ ..] if !part.is_empty() => {
            // The names in the path, as they are written.
            let names = &call.path[at + 4..];
            parent().and_then(|site| below_site(arm, call, &site, part, names))
        }
        _ => return None,
    };
    Some(answer)
}

/// What is below a web app.
fn below_site(arm: &Arm, call: &Call, site: &ResourceId, part: &[&str], names: &[String]) -> Result<Answer, ArmError> {
    let get = call.method == Method::GET;
    match part {
        ["config"] if get => configuration::list(call, site),
        ["config", "web"] => configuration::web(call, site),
        ["config", "logs"] => configuration::logs(call, site),
        ["config", "slotconfignames"] => configuration::slot_names(call, site),
        ["config", "appsettings" | "connectionstrings" | "metadata"] => configuration::put_values(call, site, part[1]),
        ["config", "appsettings" | "connectionstrings" | "metadata", "list"] => {
            configuration::list_values(call, site, part[1])
        }
        ["config", "azurestorageaccounts", "list"] => configuration::storage_accounts(call, site),
        ["config", "authsettings"] => authentication::put_classic(call, site),
        ["config", "authsettings", "list"] => authentication::list_classic(call, site),
        ["config", "authsettingsv2"] => authentication::v2(call, site),
        ["config", "authsettingsv2", "list"] => authentication::list_v2(call, site),
        ["config", "publishingcredentials", "list"] => publishing::credentials(call, site),
        ["publishxml"] => publishing::profiles(call, site),
        ["newpassword"] => publishing::new_password(call, site),
        ["basicpublishingcredentialspolicies"] if get => publishing::policies(call, site),
        ["basicpublishingcredentialspolicies", name @ ("ftp" | "scm")] => publishing::policy(call, site, name),
        ["instances"] if get => facets::instances(arm, call, site),
        ["instances", _] if get => facets::instance(arm, call, site, &names[1]),
        ["hostnamebindings"] if get => facets::host_names(call, site),
        ["hostnamebindings", _] if get => facets::host_name(call, site, &names[1]),
        ["sourcecontrols", "web"] if get => facets::source_control(call, site),
        ["slots"] if get => facets::slots(call, site),
        ["deploymentstatus"] => deployments::statuses(arm, call, site),
        ["deploymentstatus", _] => deployments::status(arm, call, site, &names[1]),
        ["deployments"] => deployments::list(arm, call, site, None),
        ["deployments", _] => deployments::list(arm, call, site, Some(&names[1])),
        ["deployments", _, "log"] => deployments::log(arm, call, site, &names[1]),
        ["extensions", "onedeploy"] if call.method == Method::PUT => onedeploy::deploy(arm, call, site),
        ["restart"] => operations::restart(arm, call, site),
        [operation @ ("start" | "stop")] => operations::start_or_stop(call, site, operation),
        _ => Err(call.unsupported()),
    }
}
